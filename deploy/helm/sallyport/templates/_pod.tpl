{{/* Labels that select; "component" is single, server or admin. */}}
{{- define "sallyport.selector" -}}
app.kubernetes.io/name: sallyport
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- with .component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end }}

{{- define "sallyport.labels" -}}
app.kubernetes.io/name: sallyport
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "sallyport.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{/* What every pod begins with. */}}
{{- define "sallyport.pod" -}}
serviceAccountName: {{ .Release.Name }}
automountServiceAccountToken: false
enableServiceLinks: false
# LMDB tells by a process id whether a reader lives. Without this both programs refuse to start.
shareProcessNamespace: true
terminationGracePeriodSeconds: {{ add .Values.server.preStopSeconds (max .Values.server.drainSeconds .Values.sync.drainSeconds) 10 }}
securityContext:
  runAsNonRoot: true
  runAsGroup: 10400
  fsGroup: 10400
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "sallyport.security" -}}
securityContext:
  runAsUser: {{ . }}
  runAsNonRoot: true
  readOnlyRootFilesystem: true
  allowPrivilegeEscalation: false
  privileged: false
  capabilities: {drop: [ALL]}
{{- end }}

{{/* "liveness" answers as long as calls are answered at all; "" also means that the store can be served. */}}
{{- define "sallyport.probes" -}}
startupProbe: {grpc: {port: {{ . }}, service: liveness}, periodSeconds: 1, failureThreshold: 60}
livenessProbe: {grpc: {port: {{ . }}, service: liveness}, periodSeconds: 10, timeoutSeconds: 3, failureThreshold: 3}
readinessProbe: {grpc: {port: {{ . }}}, periodSeconds: 5, timeoutSeconds: 3, failureThreshold: 2}
{{- end }}

{{- define "sallyport.tlsArgs" -}}
- --tls-cert=/etc/sallyport/tls/tls.crt
- --tls-key=/etc/sallyport/tls/tls.key
- --tls-client-ca=/etc/sallyport/tls/ca.crt
{{- end }}

{{- define "sallyport.server" -}}
name: sallyportd
image: {{ include "sallyport.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
command: [/usr/bin/sallyportd]
args:
  - --store=/var/lib/sallyport/store
  - --listen=0.0.0.0:7400
  - --http-listen=0.0.0.0:7402
  - --health-listen=0.0.0.0:7404
  {{- include "sallyport.tlsArgs" . | nindent 2 }}
  - --callers=/etc/sallyport/callers/server.yaml
  - --report-to={{ if eq .Values.mode "scaled" }}{{ .Release.Name }}-admin{{ else }}127.0.0.1{{ end }}:7401
  - --report-tls-ca=/etc/sallyport/tls/ca.crt
  - --report-tls-cert=/etc/sallyport/tls/tls.crt
  - --report-tls-key=/etc/sallyport/tls/tls.key
  - --report-tls-name={{ .Release.Name }}-admin
  - --server-id=$(POD_NAME)
  - --workers={{ .Values.server.workers }}
  - --max-connection-age={{ .Values.server.connectionAgeSeconds }}
  - --drain-ms={{ mul .Values.server.drainSeconds 1000 }}
  {{- if and (eq .Values.mode "scaled") .Values.server.maxStalenessSeconds }}
  - --max-staleness={{ .Values.server.maxStalenessSeconds }}
  {{- end }}
  - --log-format=json
  {{- range .Values.server.extraArgs }}
  - {{ . | quote }}
  {{- end }}
env:
  - name: POD_NAME
    valueFrom: {fieldRef: {fieldPath: metadata.name}}
ports:
  - {name: grpc, containerPort: 7400}
  - {name: http, containerPort: 7402}
  - {name: health, containerPort: 7404}
{{ include "sallyport.probes" 7404 }}
lifecycle:
  preStop: {exec: {command: [sleep, {{ .Values.server.preStopSeconds | quote }}]}}
resources: {{ toYaml .Values.server.resources | nindent 2 }}
{{ include "sallyport.security" 10402 }}
volumeMounts:
  # Read-write, because readers register in the lock file; the data file's mode keeps this user from writing it.
  - {name: store, mountPath: /var/lib/sallyport}
  - {name: tls, mountPath: /etc/sallyport/tls, readOnly: true}
  - {name: callers, mountPath: /etc/sallyport/callers, readOnly: true}
{{- end }}

{{/* "follower": it serves no changes, and nobody asks it. */}}
{{- define "sallyport.sync" -}}
{{- $root := .root -}}
name: sallyport-sync
image: {{ include "sallyport.image" $root }}
imagePullPolicy: {{ $root.Values.image.pullPolicy }}
command: [/usr/bin/sallyport-sync]
args:
  - serve
  - --store=/var/lib/sallyport/store
  {{- if .follower }}
  - --follow-only
  - --listen=127.0.0.1:7401
  {{- else }}
  - --listen=0.0.0.0:7401
  - --callers=/etc/sallyport/callers/sync.yaml
  {{- end }}
  {{- include "sallyport.tlsArgs" $root | nindent 2 }}
  - --http-listen=0.0.0.0:7403
  - --health-listen=0.0.0.0:7405
  {{- if eq $root.Values.mode "scaled" }}
  - --source={{ $root.Values.etcd.source }}
  - --etcd-ca=/etc/sallyport/etcd/ca.crt
  - --etcd-cert=/etc/sallyport/etcd/tls.crt
  - --etcd-key=/etc/sallyport/etcd/tls.key
  {{- end }}
  - --drain-ms={{ mul $root.Values.sync.drainSeconds 1000 }}
  - --log-format=json
  {{- range $root.Values.sync.extraArgs }}
  - {{ . | quote }}
  {{- end }}
ports:
  {{- if not .follower }}
  - {name: sync-grpc, containerPort: 7401}
  {{- end }}
  - {name: sync-http, containerPort: 7403}
  - {name: sync-health, containerPort: 7405}
{{ include "sallyport.probes" 7405 }}
lifecycle:
  preStop: {exec: {command: [sleep, {{ $root.Values.server.preStopSeconds | quote }}]}}
resources: {{ toYaml $root.Values.sync.resources | nindent 2 }}
{{ include "sallyport.security" 10401 }}
volumeMounts:
  - {name: store, mountPath: /var/lib/sallyport}
  - {name: tls, mountPath: /etc/sallyport/tls, readOnly: true}
  {{- if not .follower }}
  - {name: callers, mountPath: /etc/sallyport/callers, readOnly: true}
  {{- end }}
  {{- if eq $root.Values.mode "scaled" }}
  - {name: etcd, mountPath: /etc/sallyport/etcd, readOnly: true}
  {{- end }}
{{- end }}
