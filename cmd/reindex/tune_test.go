package main

import "testing"

func TestCollectionsComeAfterSoManyBytes(t *testing.T) {
	t.Parallel()
	for live, want := range map[uint64]int{
		0:         400, // nothing was collected yet
		1 << 20:   400,
		6 << 20:   100,
		60 << 20:  10,
		120 << 20: 5,
		10 << 30:  2,
	} {
		if got := percent(live); got != want {
			t.Errorf("percent(%d MiB) = %d, want %d", live>>20, got, want)
		}
	}
}
