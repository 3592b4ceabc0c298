{{- define "sallyport.fullname" -}}
{{- if .Values.fullnameOverride }}{{ .Values.fullnameOverride }}
{{- else if contains "sallyport" .Release.Name }}{{ .Release.Name | trunc 45 | trimSuffix "-" }}
{{- else }}{{ .Release.Name | trunc 35 | trimSuffix "-" }}-sallyport
{{- end }}
{{- end }}

{{- define "sallyport.serverName" -}}
{{ .Values.tls.serverName | default (include "sallyport.fullname" .) }}
{{- end }}

{{- define "sallyport.adminName" -}}
{{ .Values.tls.adminName | default (printf "%s-admin" (include "sallyport.fullname" .)) }}
{{- end }}

{{/* Labels that select; "component" is single, server, admin or client. */}}
{{- define "sallyport.selector" -}}
app.kubernetes.io/name: sallyport
app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
{{- with .component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end }}

{{/* Labels of every object, of which values cannot replace any. */}}
{{- define "sallyport.labels" -}}
app.kubernetes.io/name: sallyport
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{/* "labels" and "annotations" of an object, and those that every object gets. Merged, for a key that stands twice in YAML is refused by
     the API server. */}}
{{- define "sallyport.marks" -}}
labels: {{ merge (dict) (.labels | default dict) .root.Values.commonLabels | toYaml | nindent 2 }}
{{- with merge (dict) (.annotations | default dict) .root.Values.commonAnnotations }}
annotations: {{ toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* metadata of an object: "suffix" of its name, more "labels" and "annotations". */}}
{{- define "sallyport.metadata" -}}
{{- $labels := merge (include "sallyport.labels" .root | fromYaml) (.labels | default dict) -}}
name: {{ include "sallyport.fullname" .root }}{{ with .suffix }}-{{ . }}{{ end }}
{{ include "sallyport.marks" (dict "root" .root "labels" $labels "annotations" .annotations) }}
{{- end }}

{{/* What selects a pod: its "component" and what it serves ("roles"). Pods of the component client may connect. */}}
{{- define "sallyport.podSelector" -}}
{{ include "sallyport.selector" . }}
{{- range .roles }}
sallyport/{{ . }}: "true"
{{- end }}
{{- if eq .component "client" }}
sallyport/client: {{ include "sallyport.fullname" .root }}
sallyport/admin-client: {{ include "sallyport.fullname" .root }}
{{- end }}
{{- end }}

{{/* metadata of a pod: "component", "roles", more "annotations". */}}
{{- define "sallyport.podMetadata" -}}
{{- $labels := merge (include "sallyport.podSelector" . | fromYaml) .root.Values.podLabels -}}
{{- $annotations := merge (dict) (.annotations | default dict) .root.Values.podAnnotations -}}
{{ include "sallyport.marks" (dict "root" .root "labels" $labels "annotations" $annotations) }}
{{- end }}

{{- define "sallyport.image" -}}
{{- $image := .Values.image -}}
{{ $image.repository }}{{ if or $image.tag (not $image.digest) }}:{{ $image.tag | default .Chart.AppVersion }}{{ end }}
{{- with $image.digest }}@{{ . }}{{ end }}
{{- end }}

{{/* One line for each caller: a mapping, as --callers reads it. "callers" is the list, "file" its name in messages. */}}
{{- define "sallyport.callers" -}}
{{- $seen := dict -}}
{{- range .callers }}
{{- if hasKey $seen .caller }}{{ fail (printf "callers.%s names %s twice" $.file .caller) }}{{ end }}
{{- $_ := set $seen .caller true }}
{{ .caller | quote }}: {{ join ", " .roles | quote }}
{{- end }}
{{- end }}

{{/* What the schema of values cannot say. */}}
{{- define "sallyport.validate" -}}
{{- $server := .Values.server -}}
{{- if lt (mul $server.drainSeconds 10) (add (mul $server.connectionAgeSeconds 11) 50) }}
{{- fail "server.drainSeconds is too short for connections to leave: use at least 1.1 x server.connectionAgeSeconds + 5" }}
{{- end }}
{{- if gt (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas) }}
{{- fail "autoscaling.minReplicas is greater than autoscaling.maxReplicas" }}
{{- end }}
{{- if eq .Values.tls.serverSecretName .Values.tls.adminSecretName }}
{{- fail "tls.serverSecretName and tls.adminSecretName are the same Secret: a compromised server could pass as the admin API" }}
{{- end }}
{{- if eq .Values.etcd.readerSecretName .Values.etcd.writerSecretName }}
{{- fail "etcd.readerSecretName and etcd.writerSecretName are the same Secret: servers must not be able to write to etcd" }}
{{- end }}
{{- range $name, $values := dict "server" .Values.server "sync" .Values.sync }}
{{- $options := join " " $values.extraArgs }}
{{- if and (regexMatch "--(trusted-hops|address-header)=" $options) (not (contains "--trusted-peers=" $options)) }}
{{- fail (printf "%s.extraArgs: --trusted-hops and --address-header need --trusted-peers, the addresses of the proxies that you trust" $name) }}
{{- end }}
{{- end }}
{{- if and .Values.store.schema (eq .Values.mode "scaled") }}
{{- fail "store.schema is only for mode single: the store in etcd comes from `sallyport-sync migrate`" }}
{{- end }}
{{- end }}
