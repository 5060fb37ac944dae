package serve

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// childVariable makes the test binary a child that a runner started.
const childVariable = "REINDEX_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		os.Exit(child()) //nolint:forbidigo // the main function of a child
	}
	goleak.VerifyTestMain(m)
}

// child says what it was asked, and ends, or waits for its end.
func child() int {
	fmt.Printf("{\"message_type\":\"summary\",\"args\":%q,\"actor\":%q}\n", strings.Join(os.Args[1:], " "), os.Getenv("REINDEX_ACTOR")) //nolint:forbidigo // a child's stdout
	if os.Getenv(childVariable) == "wait" {
		time.Sleep(time.Hour) // SIGTERM ends it
	}
	return 0
}
