package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// userName is what the file name of a user's kubeconfig can be made of.
var userName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:@-]*$`)

// writeKubeconfig writes a kubeconfig that holds everything in itself, so that it may be copied anywhere on the machine.
func writeKubeconfig(file, server, user string, signer authority, credentials pair) error {
	config := clientcmdapi.NewConfig()
	config.Clusters["localcluster"] = &clientcmdapi.Cluster{Server: server, CertificateAuthorityData: signer.pem}
	config.AuthInfos[user] = &clientcmdapi.AuthInfo{
		ClientCertificateData: credentials.certificate,
		ClientKeyData:         credentials.key,
	}
	config.Contexts["localcluster"] = &clientcmdapi.Context{Cluster: "localcluster", AuthInfo: user}
	config.CurrentContext = "localcluster"
	content, err := clientcmd.Write(*config)
	if err != nil {
		return fmt.Errorf("encode the kubeconfig: %w", err)
	}
	return folder(filepath.Dir(file)).write(filepath.Base(file), content)
}

// writeOwnKubeconfigs writes those of the administrator and of the controller manager.
func writeOwnKubeconfigs(f folder, server string, signer authority) error {
	for file, name := range map[string]string{kubeconfigName: "admin", controllersName: "controller-manager"} {
		credentials, err := readPair(f, name)
		if err != nil {
			return err
		}
		if err := writeKubeconfig(f.path(file), server, pairs()[name].user, signer, credentials); err != nil {
			return err
		}
	}
	return nil
}

// kubeconfigForUser makes a client certificate for a user and groups and gives the path of the kubeconfig with it.
// The cluster needs not run, but must have been started once. What the user may do is for RBAC rules to say.
func kubeconfigForUser(f folder, user string, groups []string, file string) (string, error) {
	if !userName.MatchString(user) {
		return "", fmt.Errorf("--user %q: letters, digits and . _ : @ - make a user's name", user)
	}
	admin, err := clientcmd.LoadFromFile(f.path(kubeconfigName))
	if err != nil {
		return "", fmt.Errorf("no cluster was started in %s yet: %w", f, err)
	}
	cluster := admin.Clusters["localcluster"]
	if cluster == nil {
		return "", errors.New("the administrator's kubeconfig names no cluster localcluster")
	}
	signer, err := loadAuthority(f)
	if err != nil {
		return "", fmt.Errorf("load the authority: %w", err)
	}
	credentials, err := signer.issue(subject{user: user, groups: groups, client: true})
	if err != nil {
		return "", err
	}
	if file == "" {
		file = f.path(kubeconfigName + "-" + strings.ReplaceAll(user, ":", "-"))
	}
	return file, writeKubeconfig(file, cluster.Server, user, signer, credentials)
}

func readPair(f folder, name string) (pair, error) {
	certificate, err := os.ReadFile(f.path("pki/" + name + ".crt"))
	if err != nil {
		return pair{}, err
	}
	key, err := os.ReadFile(f.path("pki/" + name + ".key"))
	if err != nil {
		return pair{}, err
	}
	return pair{certificate: certificate, key: key}, nil
}
