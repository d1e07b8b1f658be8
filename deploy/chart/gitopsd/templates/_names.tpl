{{- define "gitopsd.name" -}}
{{- ternary .Release.Name (printf "%s-gitopsd" .Release.Name) (contains "gitopsd" .Release.Name) | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- define "gitopsd.selector" -}}
app.kubernetes.io/name: gitopsd
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{- define "gitopsd.labels" -}}
{{ include "gitopsd.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end }}

{{- /* Not `default`, as other charts have it: every pod of the namespace would have our rights. */}}
{{- define "gitopsd.account" -}}
{{- if not (or .Values.serviceAccount.create .Values.serviceAccount.name) }}
{{- fail "serviceAccount.create is false, so serviceAccount.name has to name the account that the pod shall have" }}
{{- end }}
{{- .Values.serviceAccount.name | default (include "gitopsd.name" .) }}
{{- end }}

{{- define "gitopsd.image" -}}
{{- with .Values.image -}}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}

{{- /* The configuration: ours, with what the values say merged over it. A null, or a key with nothing but comments
below it, says nothing. */}}
{{- define "gitopsd.config" -}}
{{- $cluster := dict "name" "in-cluster" "inCluster" true }}
{{- if eq .Values.rbac.preset "namespaced" }}
{{- $_ := set $cluster "namespaces" .Values.rbac.namespaces }}
{{- end }}
{{- $own := dict
  "server" (dict "listen" ":8080")
  "state" (dict "dir" "/var/lib/gitopsd/state" "cacheDir" "/var/cache/gitopsd/cache")
  "clusters" (list $cluster)
  "include" (list "applications.d/*.yaml")
  "log" (dict "format" "json") }}
{{- $said := deepCopy (.Values.config | default dict) }}
{{- range $section, $ours := $own }}
{{- $theirs := index $said $section }}
{{- if kindIs "invalid" $theirs }}
{{- $_ := unset $said $section }}
{{- else if and (kindIs "map" $ours) (kindIs "map" $theirs) }}
{{- range $key, $_ := $ours }}
{{- if kindIs "invalid" (index $theirs $key) }}
{{- $_ := unset $theirs $key }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- $config := mustMergeOverwrite $own $said }}
{{- range $key := list "dir" "cacheDir" }}
{{- include "gitopsd.writable" (dict "key" $key "path" (index $config.state $key) "mounts" $.Values.volumeMounts) }}
{{- end }}
{{- toYaml $config }}
{{- end }}

{{- /* Fails for a folder that the container could not write to: its root is read-only, and so is the configuration,
to which a relative path belongs. What ${NAME} stands for is not known here. */}}
{{- define "gitopsd.writable" -}}
{{- $below := printf "%s/" (clean .path) }}
{{- $writable := contains "${" .path }}
{{- range $ours := list "/var/lib/gitopsd/" "/var/cache/gitopsd/" "/tmp/" }}
{{- if and (hasPrefix $ours $below) (ne $ours $below) }}
{{- $writable = true }}
{{- end }}
{{- end }}
{{- range .mounts }}
{{- if and (hasPrefix (printf "%s/" (trimSuffix "/" .mountPath)) $below) (not .readOnly) }}
{{- $writable = true }}
{{- end }}
{{- end }}
{{- if not $writable }}
{{- printf "config.state.%s is %s, where the container cannot write: it takes a folder below /var/lib/gitopsd, /var/cache/gitopsd, /tmp or a mount of volumeMounts" .key .path | fail }}
{{- end }}
{{- end }}

{{- define "gitopsd.subjects" -}}
- kind: ServiceAccount
  name: {{ include "gitopsd.account" . | quote }}
  namespace: {{ .Release.Namespace | quote }}
{{- end }}

{{- define "gitopsd.everything" -}}
- apiGroups: ["*"]
  resources: ["*"]
  verbs: [get, list, watch, create, update, patch, delete]
{{- end }}

{{- define "gitopsd.impersonating" -}}
{{- if .Values.rbac.impersonate }}
- apiGroups: [""]
  resources: [serviceaccounts]
  verbs: [impersonate]
{{- end }}
{{- end }}
