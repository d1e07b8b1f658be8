// Command localcluster runs a Kubernetes control plane on loopback for tests, the demo and development:
// etcd, kube-apiserver and kube-controller-manager in one process.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"

	etcdversion "go.etcd.io/etcd/api/v3/version"
	"k8s.io/component-base/version"
)

const usage = `localcluster runs etcd, kube-apiserver and kube-controller-manager in one process, on loopback.

  localcluster up --dir DIR [--audit] [--etcd-quota BYTES] [--detach] [--parent PID]
      start the cluster of the folder DIR; ready when a line of JSON comes; ends on SIGTERM, SIGINT or with its parent
  localcluster kubeconfig --dir DIR --user NAME [--group GROUP]... [--out FILE]
      write a kubeconfig with a client certificate for the user and print its path
  localcluster version
`

// errTold stands for an error whose reason the caller has been told already.
var errTold = errors.New("already told")

// list is a flag that may be given many times.
type list []string

func (l *list) String() string { return fmt.Sprint([]string(*l)) }

func (l *list) Set(value string) error {
	*l = append(*l, value)
	return nil
}

func main() {
	err := command(os.Args[1:])
	switch {
	case err == nil:
	case errors.Is(err, errTold):
		os.Exit(1)
	case errors.Is(err, flag.ErrHelp):
		fmt.Print(usage)
	default:
		fmt.Fprintf(os.Stderr, "localcluster: %v\n", err)
		os.Exit(1)
	}
}

func command(arguments []string) error {
	if len(arguments) == 0 {
		return flag.ErrHelp
	}
	flags := flag.NewFlagSet(arguments[0], flag.ContinueOnError)
	flags.Usage = func() {}
	switch arguments[0] {
	case "up":
		return commandUp(flags, arguments[1:])
	case "kubeconfig":
		return commandKubeconfig(flags, arguments[1:])
	case "version":
		return json.NewEncoder(os.Stdout).Encode(map[string]string{
			"kubernetes": version.Get().GitVersion, "etcd": "v" + etcdversion.Version, "go": runtime.Version(),
		})
	case "help", "-h", "--help":
		return flag.ErrHelp
	default:
		return fmt.Errorf("unknown command %q; known are up, kubeconfig, version", arguments[0])
	}
}

func commandUp(flags *flag.FlagSet, arguments []string) error {
	settings := upSettings{}
	flags.StringVar(&settings.dir, "dir", "", "")
	flags.Int64Var(&settings.quota, "etcd-quota", 0, "")
	flags.BoolVar(&settings.audit, "audit", false, "")
	flags.BoolVar(&settings.detach, "detach", false, "")
	flags.IntVar(&settings.parent, "parent", os.Getppid(), "")
	if err := parseAll(flags, arguments); err != nil {
		return err
	}
	return up(settings)
}

func commandKubeconfig(flags *flag.FlagSet, arguments []string) error {
	var groups list
	dir := flags.String("dir", "", "")
	user := flags.String("user", "", "")
	out := flags.String("out", "", "")
	flags.Var(&groups, "group", "")
	if err := parseAll(flags, arguments); err != nil {
		return err
	}
	f, err := newFolder(*dir)
	if err != nil {
		return err
	}
	file, err := kubeconfigForUser(f, *user, groups, *out)
	if err != nil {
		return err
	}
	fmt.Println(file)
	return nil
}

func parseAll(flags *flag.FlagSet, arguments []string) error {
	flags.SetOutput(os.Stderr)
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("%s: unexpected argument %q", flags.Name(), flags.Arg(0))
	}
	return nil
}
