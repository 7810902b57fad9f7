"""What a monitor asks over HTTP: `/healthz`, `/readyz` and `/metrics`."""
