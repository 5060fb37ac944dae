package main

import "testing"

func TestWorst(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		statuses []int
		want     int
	}{
		{nil, exitOK},
		{[]int{exitLocked, exitOK}, exitLocked},
		{[]int{exitLocked, exitGate}, exitGate},
		{[]int{exitFailed, exitGate, exitRejected}, exitFailed},
		{[]int{exitUsage, exitLost}, exitUsage},
		{[]int{exitUsage, exitShape, exitFailed}, exitShape},
		{[]int{exitShape, exitSIGTERM}, exitSIGTERM},
		{[]int{exitUnknown, exitSIGINT}, exitUnknown},
	} {
		if got := worst(tt.statuses); got != tt.want {
			t.Errorf("the worst of %v is %d, want %d", tt.statuses, got, tt.want)
		}
	}
}
