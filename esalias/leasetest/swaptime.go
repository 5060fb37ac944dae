package leasetest

// swapTime looks at the time of a swap from the outside, after its holder has
// gone and others have had the lease without swapping.
func swapTime(c check) {
	t, w := c.t, c.w
	first := w.acquire(t.Context(), t, "green")
	swap(t, first)
	release(t, first)
	status, err := w.client(t).Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	at := status.SwappedAt
	if at.IsZero() || at.Before(status.Record.Since) {
		t.Fatalf("swapped at %s under a lease held since %s", at, status.Record.Since)
	}
	release(t, w.acquire(t.Context(), t, "blue"))
	if status, err = w.client(t).Status(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !status.SwappedAt.Equal(at) {
		t.Errorf("swapped at %s, and at %s once another run had the lease", at, status.SwappedAt)
	}
}
