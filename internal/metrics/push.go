package metrics

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/prometheus/client_golang/prometheus/push"
	"github.com/prometheus/common/expfmt"
)

// Gateway is a Pushgateway.
type Gateway struct {
	URL string // with user and password, if it wants them; never shown
	Job string // job label
}

const (
	pushTimeout = 5 * time.Second // of one attempt
	pushTries   = 3
)

// Push sends the figures of the run under the labels job, alias and instance
// (the host): two hosts that run for one alias do not take each other's figures
// away, and what this run has nothing to say about stays. It tries three times
// within ctx. The error names the gateway's host only.
func Push(ctx context.Context, g Gateway, r Run) error {
	u, err := url.Parse(g.URL)
	if err != nil {
		return errors.New("push metrics: the URL of the Pushgateway cannot be read")
	}
	user := u.User
	u.User = nil
	client := &http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true}, Timeout: pushTimeout}
	answers := &watched{client: client}
	pusher := push.New(u.String(), g.Job).
		Grouping("alias", r.Report.Alias).
		Grouping("instance", r.Host).
		Gatherer(r.figures(nil)).
		Format(expfmt.NewFormat(expfmt.TypeTextPlain)).
		Client(answers)
	if user != nil {
		password, _ := user.Password()
		pusher = pusher.BasicAuth(user.Username(), password)
	}
	_, err = backoff.Retry(ctx, func() (struct{}, error) {
		// Add, not Push: that would remove what is not sent.
		return struct{}{}, answers.judge(pusher.AddContext(ctx))
	}, backoff.WithMaxTries(pushTries))
	if err != nil {
		return fmt.Errorf("push metrics to %s://%s: %w", u.Scheme, u.Host, err)
	}
	return nil
}

// watched remembers how the last request ended: the pusher's own errors quote
// the whole URL.
type watched struct {
	client *http.Client
	status int
	err    error
}

// Do sends a request.
func (w *watched) Do(req *http.Request) (*http.Response, error) {
	w.status, w.err = 0, nil
	res, err := w.client.Do(req) //nolint:gosec // G704: the address is the user's setting
	if err != nil {
		w.err = err
		return nil, err
	}
	w.status = res.StatusCode
	return res, nil
}

// judge turns the pusher's error into one without a URL, and says which are
// not worth another try.
func (w *watched) judge(err error) error {
	if err == nil {
		return nil
	}
	if u, ok := errors.AsType[*url.Error](w.err); ok {
		return u.Err
	}
	switch {
	case w.status >= http.StatusBadRequest && w.status < http.StatusInternalServerError && w.status != http.StatusTooManyRequests:
		return backoff.Permanent(fmt.Errorf("HTTP %d", w.status))
	case w.status != 0:
		return fmt.Errorf("HTTP %d", w.status)
	}
	return backoff.Permanent(errors.New("the figures cannot be sent")) // no request was made: a bug
}
