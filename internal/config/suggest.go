package config

import (
	"slices"
	"strings"
)

// suggest says what an unknown field may have been meant to be.
func (p *part) suggest(field string) string {
	best := closest(field, slices.Concat(p.names, p.siblings("")))
	if best == "" { // the right key in the wrong section
		for _, name := range p.names {
			if plain(lastPart(name)) == plain(lastPart(field)) {
				best = name
			}
		}
	}
	if best != "" {
		return "did you mean " + best + "?"
	}
	return "known here: " + strings.Join(p.siblings(section(field)), ", ")
}

// closest is the one of names that word is likely to be, or empty.
func closest(word string, names []string) string {
	best, least := "", len(plain(word))/3+1
	for _, name := range names {
		if d := distance(plain(word), plain(name)); d < least {
			best, least = name, d
		}
	}
	return best
}

// siblings are the keys of a section, or of the top.
func (p *part) siblings(parent string) []string {
	var keys []string
	for _, name := range p.names {
		key, rest, _ := strings.Cut(name, ".")
		if parent != "" {
			if key != parent {
				continue
			}
			key = rest
		}
		if len(keys) == 0 || keys[len(keys)-1] != key {
			keys = append(keys, key)
		}
	}
	return keys
}

// plain drops what people write differently: batchBytes, batch-bytes.
func plain(field string) string {
	return strings.NewReplacer("_", "", "-", "").Replace(strings.ToLower(field))
}

func lastPart(field string) string { return field[strings.LastIndexByte(field, '.')+1:] }

// distance is the least number of bytes to insert, delete or replace to get
// from a to b (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
