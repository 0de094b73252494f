"""The same network, trained the same way, on every framework: one file each, behind one protocol."""
