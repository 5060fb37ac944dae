package devstack

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
)

// Ports are taken from below Linux's ephemeral range (32768 and up). A port the
// kernel chose itself lies inside it, and while a server is down a client that
// keeps connecting to such a port can meet its own outgoing connection there.
const (
	firstPort = 20000
	lastPort  = 32000
)

// portAttempts bounds how often a start is repeated because somebody took a
// port between our look and the server's.
const portAttempts = 3

// errPortTaken marks a start that is worth repeating with other ports.
var errPortTaken = errors.New("port taken by another process")

// freePorts returns n different ports that are free at this moment.
func freePorts(ctx context.Context, n int) ([]int, error) {
	var listen net.ListenConfig
	var ports []int
	for range 1000 {
		if len(ports) == n {
			break
		}
		port := firstPort + rand.IntN(lastPort-firstPort) //nolint:gosec // G404: not a secret
		l, err := listen.Listen(ctx, "tcp", loopback(port))
		if err != nil {
			continue
		}
		defer l.Close() // held until all are chosen, so that none is chosen twice
		ports = append(ports, port)
	}
	if len(ports) < n {
		return nil, fmt.Errorf("found %d free ports of %d between %d and %d", len(ports), n, firstPort, lastPort)
	}
	return ports, nil
}

func loopback(port int) string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}

// withFreePorts calls start with n free ports, again if one of them was taken.
func withFreePorts(ctx context.Context, n int, start func(ports []int) error) error {
	var err error
	for range portAttempts {
		ports, perr := freePorts(ctx, n)
		if perr != nil {
			return perr
		}
		if err = start(ports); !errors.Is(err, errPortTaken) {
			return err
		}
	}
	return err
}

// startError explains a server that ended before it was ready, by its log.
func startError(server, log string, how error) error {
	end := tail(log)
	err := fmt.Errorf("%s ended while starting (%w); the end of %s:\n%s", server, how, log, end)
	if strings.Contains(end, "Address already in use") || strings.Contains(end, "BindTransportException") || strings.Contains(end, "BindHttpException") {
		return errors.Join(errPortTaken, err)
	}
	return err
}
