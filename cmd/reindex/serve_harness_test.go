package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	cdpruntime "github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// screenshotsVariable names a folder that keeps what the browser saw.
const screenshotsVariable = "REINDEX_TEST_SCREENSHOTS"

// served is one `reindex serve`.
type served struct {
	*process

	url string
}

// serve starts a server of the project on a port of its own.
func (p *project) serve(t *testing.T, args ...string) *served {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	s := &served{process: p.start(t, append([]string{"serve", "--listen", address}, args...)...), url: "http://" + address}
	eventually(t, "the server answers", func() bool {
		if s.hasEnded() {
			t.Fatalf("serve has ended: %s", s.wait(t))
		}
		status, _ := s.get(t, "/healthz")
		return status == http.StatusOK
	})
	return s
}

// get asks for a path; status 0 is no answer.
func (s *served) get(t *testing.T, path string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, err.Error()
	}
	return res.StatusCode, string(body)
}

// indexState is what the API says of the one index.
type indexState struct {
	Live *struct{ Index string }
	Lock *struct {
		State  string
		Holder struct{ User string }
	}
	LastRun *struct {
		RunID   string `json:"run_id"`
		Outcome string
		User    string
	} `json:"last_run"`
	Problem *string
	Servers []struct {
		Listen string
		Next   []time.Time
	}
}

func (s *served) index(t *testing.T, name string) (state indexState) {
	t.Helper()
	if status, body := s.get(t, "/api/v1/indices/"+name); status == http.StatusOK {
		if err := json.Unmarshal([]byte(body), &state); err != nil {
			t.Fatal(err)
		}
	}
	return state
}

// live is the live index as the server sees it, or "".
func (s *served) live(t *testing.T, name string) string {
	t.Helper()
	if state := s.index(t, name); state.Live != nil {
		return state.Live.Index
	}
	return ""
}

// tab is one page of a real browser. Whatever its console says is an error.
type tab struct {
	ctx context.Context

	complaints chan string
}

// browser starts Chromium with a profile of its own.
func browser(t *testing.T) *tab {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("chromium is missing: .ci/setup test installs it")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], // headless, no first run and the like
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("no-proxy-server", true),
		chromedp.WSURLReadTimeout(deadline),
	)
	allocated, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, cancelTab := chromedp.NewContext(allocated)
	t.Cleanup(func() { _ = chromedp.Cancel(ctx); cancelTab() }) // it waits for the browser's end
	b := &tab{ctx: ctx, complaints: make(chan string, 1000)}
	b.listen()
	b.do(t, page.Enable(), log.Enable(), cdpruntime.Enable())
	return b
}

// another is a second tab of the same browser.
func (b *tab) another(t *testing.T) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(b.ctx)
	t.Cleanup(cancel)
	other := &tab{ctx: ctx, complaints: b.complaints}
	other.listen()
	other.do(t, page.Enable(), log.Enable(), cdpruntime.Enable())
	return other
}

func (b *tab) listen() {
	chromedp.ListenTarget(b.ctx, func(event any) {
		text := ""
		switch e := event.(type) {
		case *log.EventEntryAdded:
			if e.Entry.Level == log.LevelError || e.Entry.Level == log.LevelWarning {
				text = e.Entry.Text + " " + e.Entry.URL
			}
		case *cdpruntime.EventExceptionThrown:
			text = e.ExceptionDetails.Error()
		case *cdpruntime.EventConsoleAPICalled:
			text = "console." + e.Type.String()
		}
		if text != "" {
			select {
			case b.complaints <- text:
			default: // a thousand are enough
			}
		}
	})
}

// do runs actions, within the deadline of every test.
func (b *tab) do(t *testing.T, actions ...chromedp.Action) {
	t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, deadline)
	defer cancel()
	if b.ctx == nil || chromedp.FromContext(b.ctx).Target == nil {
		ctx = b.ctx // the first run starts the browser, which ends with its context
	}
	if err := chromedp.Run(ctx, actions...); err != nil {
		t.Fatalf("%v\npage: %.3000s", err, b.text())
	}
}

// text is what a person reads on the page.
func (b *tab) text() (text string) {
	_ = chromedp.Run(b.ctx, chromedp.Evaluate(`document.body ? document.body.innerText : ""`, &text)) // "" then
	return text
}

// sees waits until the page has the text, without loading it again.
func (b *tab) sees(t *testing.T, text string) {
	t.Helper()
	end := time.Now().Add(deadline)
	for !strings.Contains(b.text(), text) {
		if time.Now().After(end) {
			t.Fatalf("the page never said %q, but %.3000s", text, b.text())
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// press clicks on the button or link with the text, and waits for the next page.
func (b *tab) press(t *testing.T, label string) {
	t.Helper()
	b.do(t, chromedp.Click(fmt.Sprintf(`//main//*[(self::a or self::button) and normalize-space()=%q]`, label), chromedp.BySearch))
}

func (b *tab) open(t *testing.T, url string) {
	t.Helper()
	b.do(t, chromedp.Navigate(url))
}

// fits wants that nothing is wider than the window.
func (b *tab) fits(t *testing.T, width int64) {
	t.Helper()
	var got int64
	b.do(t, chromedp.Evaluate(`document.documentElement.scrollWidth`, &got))
	if got > width {
		var what string
		b.do(t, chromedp.Evaluate(`[...document.querySelectorAll("main *")].filter(e => e.getBoundingClientRect().right > innerWidth && !e.closest(".scroll, .proof, pre")).slice(0, 3).map(e => e.outerHTML.slice(0, 200)).join("\n")`, &what))
		t.Errorf("the page is %d pixels wide in a window of %d:\n%s", got, width, what)
	}
}

// size sets the window, and whether its owner likes it dark.
func (b *tab) size(t *testing.T, width, height int64, dark bool) {
	t.Helper()
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	b.do(t, emulation.SetDeviceMetricsOverride(width, height, 1, width < 500),
		emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}))
}

// shot keeps what the browser sees, if somebody wants it.
func (b *tab) shot(t *testing.T, name string) {
	t.Helper()
	folder := os.Getenv(screenshotsVariable)
	if folder == "" {
		return
	}
	var png []byte
	b.do(t, chromedp.FullScreenshot(&png, 100))
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, name+".png"), png, 0o600); err != nil {
		t.Fatal(err)
	}
}
