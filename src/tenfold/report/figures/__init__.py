"""Every picture that Tenfold draws. Nothing else imports matplotlib."""
