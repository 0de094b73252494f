#!/usr/bin/env bash
# Serve the web app and the API from two replicas behind nginx, with TLS, until Ctrl-C.
# Install: pip install 'tenfold[serve]' && apt-get install nginx-light openssl curl
# Run:     bash serve_behind_nginx.sh      then open https://localhost:8443/ (the browser warns of the certificate)
set -euo pipefail

work=$(mktemp -d)
chmod 711 "$work"  # If root starts nginx, its workers are another user.
trap 'trap - INT TERM; kill $(jobs -p) 2>/dev/null || true; wait; rm -rf "$work"' EXIT
trap 'exit 0' INT TERM
cp "$(dirname "$0")/nginx.conf" "$work"

# A certificate for trying it out. For a public server use that of your domain.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=localhost \
  -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout "$work/key.pem" -out "$work/cert.pem" 2>/dev/null

for port in 8001 8002; do
  # --trust-proxy: take the client's address and scheme from nginx's headers.
  # With feedback, give both replicas the same PostgreSQL database (TENFOLD_DATABASE_URL) and the same --token instead.
  tenfold serve --port "$port" --trust-proxy --no-feedback >/dev/null &
done
for port in 8001 8002; do
  curl --silent --fail --output /dev/null --retry 60 --retry-delay 1 --retry-all-errors "http://127.0.0.1:$port/readyz"
done

nginx -p "$work" -c nginx.conf -e error.log -g 'daemon off;' &
echo "https://localhost:8443/"
wait $!
