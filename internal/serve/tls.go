package serve

import (
	"crypto/tls"
	"net"
)

// TLS returns a listener that speaks TLS 1.2 or later, with the certificate
// chain and key in PEM.
func TLS(l net.Listener, cert, key []byte) (net.Listener, error) {
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, err
	}
	return tls.NewListener(l, &tls.Config{
		Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"},
	}), nil
}
