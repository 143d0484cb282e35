{{/* What the tracking server's programs are told about their database and storage. */}}
{{- define "fraud.trackingEnv" -}}
- name: MLFLOW_ARTIFACTS_DESTINATION
  value: {{ required "tracking.artifacts: where artifacts are kept" .Values.tracking.artifacts | quote }}
{{- with .Values.tracking.databaseUri }}
- name: MLFLOW_BACKEND_STORE_URI
  value: {{ . | quote }}
{{- end }}
{{- if .Values.postgresql.enabled }}
- name: PGPASSWORD
  valueFrom:
    secretKeyRef: {name: {{ .Values.postgresql.secretName }}, key: password}
{{- end }}
{{- include "fraud.env" (list . "tracking" .Values.tracking.env) }}
{{- end }}

{{/* Names under which the server answers, for FRAUD_TRACKING_HOSTS. */}}
{{- define "fraud.trackingHosts" -}}
{{- $namespace := .Release.Namespace -}}
{{- $names := list "fraud-tracking" (printf "fraud-tracking.%s" $namespace) (printf "fraud-tracking.%s.svc" $namespace) (printf "fraud-tracking.%s.svc.cluster.local" $namespace) -}}
{{- concat $names .Values.tracking.hosts (list .Values.gateway.trackingHost) | compact | uniq | join "," -}}
{{- end }}

{{/* (root, component): volumes of the tracking server's programs. */}}
{{- define "fraud.trackingVolumes" -}}
{{- $tracking := (index . 0).Values.tracking -}}
- name: tmp
  emptyDir: {sizeLimit: 2Gi}
{{- if include "fraud.secretKeys" . | trim }}
{{ include "fraud.secretsVolume" . }}
{{- end }}
{{- if $tracking.storage }}
- name: data
  persistentVolumeClaim: {claimName: fraud-tracking}
{{- end }}
{{- end }}

{{/* (root, component) */}}
{{- define "fraud.trackingMounts" -}}
- {name: tmp, mountPath: /tmp}
{{- if include "fraud.secretKeys" . | trim }}
- {name: secrets, mountPath: /mnt/secrets, readOnly: true}
{{- end }}
{{- if (index . 0).Values.tracking.storage }}
- {name: data, mountPath: /var/lib/fraud}
{{- end }}
{{- end }}

{{/* The container that migrates, of the hook or of the server's own pod. */}}
{{- define "fraud.migrationContainer" -}}
- name: migrate
  {{- include "fraud.image" (list . "tracking") | nindent 2 }}
  args: [migrate]
  {{- include "fraud.containerSecurity" . | nindent 2 }}
  env:
    {{- include "fraud.trackingEnv" . | nindent 4 }}
    {{- if include "fraud.secretKeys" (list . "migration") | trim }}
    - name: FRAUD_TRACKING_SECRETS
      value: /mnt/secrets
    {{- end }}
  resources: {{- toYaml .Values.tracking.resources | nindent 4 }}
  volumeMounts: {{- include "fraud.trackingMounts" (list . "migration") | nindent 4 }}
{{- end }}
