package main

import (
	"context"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"
)

const maxRangeLength = 256

// fetchRange chooses among versions that the caller has already; it uses no network.
func fetchRange(_ context.Context, request *fetchRequest) (any, error) {
	chosen := make([]string, 0, len(request.Revisions))
	for _, wanted := range request.Revisions {
		chosen = append(chosen, chooseVersion(request.Versions, wanted))
	}
	return map[string]any{"chosen": chosen}, nil
}

// chooseVersion gives the version that a revision means: the one that is spelled like it, else the newest in it as a
// range; "" if there is none. "" and HEAD mean the newest that is no pre-release. `v1.2` and `1.2` are one version.
func chooseVersion(versions []string, wanted wantedRevision) string {
	if slices.Contains(versions, wanted.Revision) {
		return wanted.Revision
	}
	return newestIn(versions, wanted)
}

// newestIn gives the newest version within a range (the grammar of Masterminds/semver, which Helm and Argo CD use),
// among those that begin with the prefix; "" if there is none, or the revision is no range.
func newestIn(versions []string, wanted wantedRevision) string {
	text := wanted.Revision
	if text == "" || text == "HEAD" {
		text = "*"
	}
	if len(text) > maxRangeLength {
		return ""
	}
	constraint, err := semver.NewConstraint(text)
	if err != nil {
		return ""
	}
	best, bestVersion := "", (*semver.Version)(nil)
	for _, candidate := range versions {
		plain, found := strings.CutPrefix(candidate, wanted.Prefix)
		if !found || len(plain) > maxRangeLength {
			continue
		}
		version, err := semver.NewVersion(plain)
		if err != nil || !constraint.Check(version) {
			continue
		}
		// Equal ones differ in build metadata or a "v": any choice will do, as long as it is always the same.
		if bestVersion == nil || version.GreaterThan(bestVersion) || version.Equal(bestVersion) && candidate > best {
			best, bestVersion = candidate, version
		}
	}
	return best
}
