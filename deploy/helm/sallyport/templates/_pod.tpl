{{/* What every pod of the release begins with. */}}
{{- define "sallyport.podSpec" -}}
serviceAccountName: {{ include "sallyport.fullname" . }}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  {{- if .Values.fixedUsers }}
  runAsGroup: 10400
  fsGroup: 10400
  fsGroupChangePolicy: OnRootMismatch
  {{- end }}
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity: {{ toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* How long the sync program of a pod says NOT_SERVING and works on: as long as the server, and as its follower until the server has
     ended, which must not answer by an old policy. */}}
{{- define "sallyport.syncQuietSeconds" -}}
{{- $server := .root.Values.server -}}
{{- if .follower }}{{ add $server.quietSeconds $server.drainSeconds }}{{ else }}{{ $server.quietSeconds }}{{ end }}
{{- end }}

{{/* Pods that have a store: the same, and what LMDB and a quiet end need. "follower": its sync program is one. */}}
{{- define "sallyport.storePodSpec" -}}
{{- $values := .root.Values -}}
{{- $syncSeconds := add (include "sallyport.syncQuietSeconds" . | int) $values.sync.drainSeconds -}}
{{ include "sallyport.podSpec" .root }}
# LMDB decides by process ids which readers are alive. Without this, both programs refuse to start.
shareProcessNamespace: true
terminationGracePeriodSeconds: {{ add (max $syncSeconds (add $values.server.quietSeconds $values.server.drainSeconds)) 10 }}
{{- end }}

{{/* "user" of a container. */}}
{{- define "sallyport.security" -}}
securityContext:
  {{- if .root.Values.fixedUsers }}
  runAsUser: {{ .user }}
  {{- end }}
  runAsNonRoot: true
  readOnlyRootFilesystem: true
  allowPrivilegeEscalation: false
  privileged: false
  capabilities: {drop: [ALL]}
{{- end }}

{{/* "liveness" is answered while calls are answered at all; "" also means that the store can be served. */}}
{{- define "sallyport.probes" -}}
startupProbe: {grpc: {port: {{ . }}, service: liveness}, periodSeconds: 1, failureThreshold: 60}
livenessProbe: {grpc: {port: {{ . }}, service: liveness}, periodSeconds: 10, timeoutSeconds: 3, failureThreshold: 3}
readinessProbe: {grpc: {port: {{ . }}}, periodSeconds: 5, timeoutSeconds: 3, failureThreshold: 2}
{{- end }}

{{- define "sallyport.tlsArgs" -}}
- --tls-cert=/etc/sallyport/tls/tls.crt
- --tls-key=/etc/sallyport/tls/tls.key
- --tls-client-ca=/etc/sallyport/tls/ca.crt
{{- if .Values.tls.clientCrlConfigMapName }}
- --tls-client-crl=/etc/sallyport/crl/crl.pem
{{- end }}
{{- end }}

{{- define "sallyport.crlMount" -}}
{{- if .Values.tls.clientCrlConfigMapName -}}
- {name: crl, mountPath: /etc/sallyport/crl, readOnly: true}
{{- end }}
{{- end }}

{{/* The group may write the volume's root, and the reader is in the group. So the store is below a folder that only the writer's user
     may write, and only that folder is mounted (subPath) where the programs run. `modes` takes back what a mount gave the group. */}}
{{- define "sallyport.prepare" -}}
{{- range list (dict "name" "folder" "path" "writer" "root" .) (dict "name" "modes" "path" "store" "root" .) }}
- name: {{ .name }}
  image: {{ include "sallyport.image" .root }}
  imagePullPolicy: {{ .root.Values.image.pullPolicy }}
  command: [/usr/bin/sallyport-sync]
  args: [prepare, --store=/var/lib/sallyport/{{ .path }}]
  resources:
    requests: {cpu: 10m, memory: 16Mi}
    limits: {memory: 64Mi}
  {{- include "sallyport.security" (dict "root" .root "user" 10401) | nindent 2 }}
  volumeMounts:
    - {name: store, mountPath: /var/lib/sallyport{{ if eq .name "modes" }}, subPath: writer{{ end }}}
{{- end }}
{{- end }}

{{- define "sallyport.storeMount" -}}
- {name: store, mountPath: /var/lib/sallyport, subPath: writer}
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
  - --metrics-listen=0.0.0.0:7406
  - --health-listen=0.0.0.0:7404
  {{- include "sallyport.tlsArgs" . | nindent 2 }}
  - --callers=/etc/sallyport/callers/server.yaml
  - --report-to={{ if eq .Values.mode "scaled" }}{{ include "sallyport.fullname" . }}-admin{{ else }}127.0.0.1{{ end }}:7401
  - --report-tls-ca=/etc/sallyport/tls/ca.crt
  - --report-tls-cert=/etc/sallyport/tls/tls.crt
  - --report-tls-key=/etc/sallyport/tls/tls.key
  - --report-tls-name={{ include "sallyport.adminName" . }}
  - --server-id=$(POD_NAME)
  - --workers={{ .Values.server.workers }}
  - --max-connection-age={{ .Values.server.connectionAgeSeconds }}
  - --quiet-ms={{ mul .Values.server.quietSeconds 1000 }}
  - --drain-ms={{ mul .Values.server.drainSeconds 1000 }}
  {{- if and (eq .Values.mode "scaled") .Values.server.maxStalenessSeconds }}
  - --max-staleness={{ .Values.server.maxStalenessSeconds }}
  {{- end }}
  - --log-format=json
  {{- if .Values.eventLog }}
  - --event-log=-
  {{- end }}
  {{- range .Values.server.extraArgs }}
  - {{ . | quote }}
  {{- end }}
env:
  - name: POD_NAME
    valueFrom: {fieldRef: {fieldPath: metadata.name}}
  {{- with .Values.server.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
ports:
  - {name: grpc, containerPort: 7400}
  - {name: http, containerPort: 7402}
  - {name: metrics, containerPort: 7406}
  - {name: health, containerPort: 7404}
{{ include "sallyport.probes" 7404 }}
resources: {{ toYaml .Values.server.resources | nindent 2 }}
{{ include "sallyport.security" (dict "root" . "user" 10402) }}
volumeMounts:
  # Read-write, because readers register in the lock file; the data file's mode keeps this user from writing it.
  {{- include "sallyport.storeMount" . | nindent 2 }}
  - {name: server-tls, mountPath: /etc/sallyport/tls, readOnly: true}
  - {name: callers, mountPath: /etc/sallyport/callers, readOnly: true}
  {{- include "sallyport.crlMount" . | nindent 2 }}
  {{- with .Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{/* "follower": accepts no changes, and nobody connects to it. */}}
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
  {{- end }}
  - --callers=/etc/sallyport/callers/sync.yaml
  {{- include "sallyport.tlsArgs" $root | nindent 2 }}
  - --http-listen=none
  - --metrics-listen=0.0.0.0:7407
  - --health-listen=0.0.0.0:7405
  {{- if eq $root.Values.mode "scaled" }}
  - --source={{ $root.Values.etcd.source }}
  - --etcd-ca=/etc/sallyport/etcd/ca.crt
  - --etcd-cert=/etc/sallyport/etcd/tls.crt
  - --etcd-key=/etc/sallyport/etcd/tls.key
  {{- if $root.Values.etcd.signing.enabled }}
  - --source-verify-keys=/etc/sallyport/verify/verify.pem
  {{- if not .follower }}
  - --source-signing-key=/etc/sallyport/signing/signing.pem
  {{- end }}
  {{- end }}
  {{- end }}
  - --quiet-ms={{ mul (include "sallyport.syncQuietSeconds" .) 1000 }}
  - --drain-ms={{ mul $root.Values.sync.drainSeconds 1000 }}
  - --log-format=json
  {{- if $root.Values.eventLog }}
  - --event-log=-
  {{- end }}
  {{- range $root.Values.sync.extraArgs }}
  - {{ . | quote }}
  {{- end }}
{{- with $root.Values.sync.extraEnv }}
env: {{ toYaml . | nindent 2 }}
{{- end }}
ports:
  {{- if not .follower }}
  - {name: sync-grpc, containerPort: 7401}
  {{- end }}
  - {name: sync-metrics, containerPort: 7407}
  - {name: sync-health, containerPort: 7405}
{{ include "sallyport.probes" 7405 }}
resources: {{ toYaml $root.Values.sync.resources | nindent 2 }}
{{ include "sallyport.security" (dict "root" $root "user" 10401) }}
volumeMounts:
  {{- include "sallyport.storeMount" $root | nindent 2 }}
  - {name: {{ if .follower }}server-tls{{ else }}admin-tls{{ end }}, mountPath: /etc/sallyport/tls, readOnly: true}
  - {name: callers, mountPath: /etc/sallyport/callers, readOnly: true}
  {{- include "sallyport.crlMount" $root | nindent 2 }}
  {{- if eq $root.Values.mode "scaled" }}
  - {name: etcd, mountPath: /etc/sallyport/etcd, readOnly: true}
  {{- if $root.Values.etcd.signing.enabled }}
  - {name: verify, mountPath: /etc/sallyport/verify, readOnly: true}
  {{- if not .follower }}
  - {name: signing, mountPath: /etc/sallyport/signing, readOnly: true}
  {{- end }}
  {{- end }}
  {{- end }}
  {{- with $root.Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{/* "names" of server, admin: the volumes of their Secrets. */}}
{{- define "sallyport.tlsVolumes" -}}
{{- $root := .root }}
{{- range .names }}
- name: {{ . }}-tls
  secret: {secretName: {{ get $root.Values.tls (printf "%sSecretName" .) }}, defaultMode: 0440}
{{- end }}
- name: callers
  configMap: {name: {{ include "sallyport.fullname" $root }}-callers}
{{- with $root.Values.tls.clientCrlConfigMapName }}
- name: crl
  configMap: {name: {{ . }}}
{{- end }}
{{- with $root.Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Pods that run the command line against the admin API or a server, and end: "args", "clientSecretName", "keySecretName". */}}
{{- define "sallyport.client" -}}
{{- $root := .root -}}
{{ include "sallyport.podSpec" $root }}
restartPolicy: Never
containers:
  - name: sallyport
    image: {{ include "sallyport.image" $root }}
    imagePullPolicy: {{ $root.Values.image.pullPolicy }}
    command: [/usr/bin/sallyport]
    args:
      {{- range .args }}
      - {{ . | quote }}
      {{- end }}
    env:
      - name: POD_NAME
        valueFrom: {fieldRef: {fieldPath: metadata.name}}
      - {name: SALLYPORT_ADMIN, value: "{{ include "sallyport.fullname" $root }}-admin:7401"}
      - {name: SALLYPORT_SERVER, value: "{{ include "sallyport.fullname" $root }}:7400"}
      - {name: SALLYPORT_KEY_FILE, value: /etc/sallyport/key/key}
      - {name: SALLYPORT_TLS_CA, value: /etc/sallyport/tls/ca.crt}
      - {name: SALLYPORT_TLS_CERT, value: /etc/sallyport/tls/tls.crt}
      - {name: SALLYPORT_TLS_KEY, value: /etc/sallyport/tls/tls.key}
      - {name: SALLYPORT_TLS_NAME, value: {{ .name | quote }}}
    resources:
      requests: {cpu: 50m, memory: 64Mi}
      limits: {memory: 256Mi}
    {{- include "sallyport.security" (dict "root" $root "user" 10401) | nindent 4 }}
    volumeMounts:
      - {name: client-tls, mountPath: /etc/sallyport/tls, readOnly: true}
      - {name: key, mountPath: /etc/sallyport/key, readOnly: true}
      {{- with .claimName }}
      - {name: backups, mountPath: /var/lib/backups}
      {{- end }}
volumes:
  - name: client-tls
    secret: {secretName: {{ .clientSecretName }}, defaultMode: 0440}
  - name: key
    secret: {secretName: {{ .keySecretName }}, defaultMode: 0440}
  {{- with .claimName }}
  - name: backups
    persistentVolumeClaim: {claimName: {{ . }}}
  {{- end }}
{{- end }}
