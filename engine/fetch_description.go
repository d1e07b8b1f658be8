package main

import (
	"encoding/json"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// maxAnnotationBytes is as much of one annotation as is handed on: it is shown in one line.
const maxAnnotationBytes = 2048

// Annotations that say who made an artifact, when, and what it is
// (https://github.com/opencontainers/image-spec/blob/main/annotations.md).
var describing = []string{
	ocispec.AnnotationAuthors, ocispec.AnnotationCreated, ocispec.AnnotationDescription,
	ocispec.AnnotationTitle, ocispec.AnnotationURL, ocispec.AnnotationVersion,
}

// descriptionOf gives the annotations of a manifest that describe the artifact, each cut; none where it has none.
func descriptionOf(manifest []byte) map[string]string {
	var document struct {
		Annotations map[string]any `json:"annotations"`
	}
	if json.Unmarshal(manifest, &document) != nil {
		return nil
	}
	found := map[string]string{}
	for _, key := range describing {
		if said, isText := document.Annotations[key].(string); isText && said != "" {
			found[key] = cut(said, maxAnnotationBytes)
		}
	}
	return found
}
