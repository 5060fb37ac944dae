// Package docs has no code: its tests keep these pages true.
package docs
