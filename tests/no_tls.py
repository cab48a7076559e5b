"""For HTTP clients of tests: loading the trusted certificates would take 50 ms of CPU for each client."""

import ssl

NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # it trusts no certificate
