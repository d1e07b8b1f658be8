{{- define "gitopsd.name" -}}
{{- ternary .Release.Name (printf "%s-gitopsd" .Release.Name) (contains "gitopsd" .Release.Name) | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- define "gitopsd.selector" -}}
app.kubernetes.io/name: gitopsd
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "gitopsd.labels" -}}
{{ include "gitopsd.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end }}

{{- define "gitopsd.account" -}}
{{- .Values.serviceAccount.name | default (include "gitopsd.name" .) }}
{{- end }}

{{- define "gitopsd.image" -}}
{{- with .Values.image -}}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}

{{- /* The configuration: ours, with what the values say merged over it. */}}
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
{{- mustMergeOverwrite $own (deepCopy .Values.config) | toYaml }}
{{- end }}

{{- define "gitopsd.subjects" -}}
- kind: ServiceAccount
  name: {{ include "gitopsd.account" . }}
  namespace: {{ .Release.Namespace }}
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
