package main

import (
	"strings"
	"testing"
)

func TestAnnotationsThatDescribeAnArtifactAreHandedOnAndNoOthers(t *testing.T) {
	long := strings.Repeat("ü", maxAnnotationBytes)
	got := descriptionOf([]byte(`{"annotations":{
		"org.opencontainers.image.authors":"Ada","org.opencontainers.image.version":7,
		"org.opencontainers.image.description":"` + long + `","example.org/own":"x"}}`))

	if len(got) != 2 || got["org.opencontainers.image.authors"] != "Ada" {
		t.Errorf("handed on: %v", got)
	}
	if said := got["org.opencontainers.image.description"]; len(said) > maxAnnotationBytes+8 || !strings.HasPrefix(long, strings.TrimSuffix(said, " …")) {
		t.Errorf("a long one is not cut well: %d bytes", len(said))
	}
	for _, odd := range []string{`{}`, `[]`, `{"annotations":["a"]}`, `{`} {
		if got := descriptionOf([]byte(odd)); len(got) > 0 {
			t.Errorf("%s: %v", odd, got)
		}
	}
}
