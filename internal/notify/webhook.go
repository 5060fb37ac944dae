package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/cenkalti/backoff/v5"
)

const (
	attemptTimeout = 10 * time.Second
	attempts       = 4
	// longestPause bounds what a Retry-After may ask for: the run waits for it.
	longestPause = 5 * time.Second
)

// Webhook posts notices to one URL. It is safe for concurrent use.
type Webhook struct {
	url    string
	place  string // of the URL, what may be shown
	format Format
	events []string
	client *http.Client
}

// New returns a webhook that wants the given events. The error does not quote
// the URL.
func New(address string, format Format, events []string) (*Webhook, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return nil, errors.New("notify: the URL of the webhook cannot be read")
	}
	return &Webhook{
		url: address, place: u.Scheme + "://" + u.Host, format: format, events: events,
		client: &http.Client{
			Timeout:   attemptTimeout,
			Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true, ForceAttemptHTTP2: true},
			// Elsewhere is not where the notice was meant to go.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// Wants reports whether the event is to be told.
func (w *Webhook) Wants(event string) bool { return slices.Contains(w.events, event) }

// Send posts the notice and waits for a 2xx answer, up to four times within
// ctx, with growing pauses.
func (w *Webhook) Send(ctx context.Context, n Notice) error {
	body, err := w.format.body(n)
	if err != nil {
		return fmt.Errorf("notice of %s: %w", n.Event, err)
	}
	var last error // says more than that the context ended
	_, err = backoff.Retry(ctx, func() (struct{}, error) {
		last = w.post(ctx, body)
		return struct{}{}, last
	}, backoff.WithMaxTries(attempts))
	if err != nil {
		return fmt.Errorf("notice of %s to %s: %w", n.Event, w.place, last)
	}
	return nil
}

func (w *Webhook) post(ctx context.Context, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, bytes.NewReader(body))
	if err != nil {
		return backoff.Permanent(errors.New("the request cannot be made"))
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := w.client.Do(req)
	if err != nil {
		return withoutURL(err)
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10)) // nothing in it matters
	return judge(res)
}

// judge says what an answer means: nil, try again, or an error for good.
func judge(res *http.Response) error {
	status := res.StatusCode
	err := fmt.Errorf("HTTP %d", status)
	switch {
	case status >= 200 && status < 300:
		return nil
	case status == http.StatusTooManyRequests:
		if pause, bad := strconv.Atoi(res.Header.Get("Retry-After")); bad == nil && pause > 0 {
			return fmt.Errorf("%w, %w", err, &backoff.RetryAfterError{Duration: min(time.Duration(pause)*time.Second, longestPause)})
		}
		return err
	case status == http.StatusRequestTimeout, status >= http.StatusInternalServerError:
		return err
	}
	return backoff.Permanent(err)
}

func withoutURL(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}
