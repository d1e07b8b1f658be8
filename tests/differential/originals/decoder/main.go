// Command decoder reads files as `kubectl create --filename` does, with kubectl's own library, but asks no cluster.
// Each line of its input names a file; each line of its output is {"objects": […], "error": "…"}.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cli-runtime/pkg/resource"
)

type answer struct {
	Objects []runtime.Object `json:"objects"`
	Error   string           `json:"error"`
}

func main() {
	names, out := bufio.NewScanner(os.Stdin), json.NewEncoder(os.Stdout)
	for names.Scan() {
		if err := out.Encode(decode(names.Text())); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

func decode(name string) answer {
	files := resource.FilenameOptions{Filenames: []string{name}}
	found := resource.NewLocalBuilder().Unstructured().FilenameParam(false, &files).Flatten().Do()
	answered := answer{Objects: []runtime.Object{}}
	err := found.Visit(func(info *resource.Info, err error) error {
		if err == nil {
			answered.Objects = append(answered.Objects, info.Object)
		}
		return err
	})
	if err != nil {
		answered.Error = err.Error()
	}
	return answered
}
