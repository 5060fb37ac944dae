package drift_test

import (
	"testing"

	"go.uber.org/goleak"
)

// Connections that wait for another request belong to the tests' clients.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"),
		goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"))
}
