{{/* Names are fixed, since identities are federated with them: one release a namespace. */}}

{{/* (component): what a Deployment or Job selects its pods by; no two components share it. */}}
{{- define "fraud.selector" -}}
app.kubernetes.io/part-of: fraud-platform
app.kubernetes.io/component: {{ . }}
{{- end }}

{{/* (root, component) */}}
{{- define "fraud.labels" -}}
{{ include "fraud.selector" (index . 1) }}
app.kubernetes.io/managed-by: {{ (index . 0).Release.Service }}
app.kubernetes.io/version: {{ (index . 0).Chart.AppVersion | quote }}
helm.sh/chart: {{ (index . 0).Chart.Name }}-{{ (index . 0).Chart.Version }}
{{- end }}

{{/* (root, name, component) */}}
{{- define "fraud.metadata" -}}
name: {{ index . 1 }}
namespace: {{ (index . 0).Release.Namespace }}
labels:
  {{- include "fraud.labels" (list (index . 0) (index . 2)) | nindent 2 }}
{{- end }}

{{/* (root, image) */}}
{{- define "fraud.image" -}}
{{- $global := (index . 0).Values.global -}}
{{- $digest := get $global.imageDigests (index . 1) -}}
image: {{ with $global.imageRegistry }}{{ . }}/{{ end }}fraud-{{ index . 1 }}
{{- if $digest }}@{{ $digest }}{{ else }}:{{ $global.imageTag | default (index . 0).Chart.AppVersion }}{{ end }}
imagePullPolicy: {{ $global.imagePullPolicy }}
{{- end }}

{{/* (root, component, workload): labels of a pod. The last one lets AKS give it a token. */}}
{{- define "fraud.podLabels" -}}
{{ include "fraud.selector" (index . 1) }}
{{- if get (index . 0).Values.identity.clientIds (index . 2) }}
azure.workload.identity/use: "true"
{{- end }}
{{- end }}

{{/* (root, ServiceAccount): what is the same in the spec of every pod. */}}
{{- define "fraud.pod" -}}
{{- $global := (index . 0).Values.global -}}
automountServiceAccountToken: false
{{- with index . 1 }}
serviceAccountName: {{ . }}
{{- end }}
enableServiceLinks: false
securityContext: {{- include "fraud.podSecurity" 10001 | nindent 2 }}
{{- with $global.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with $global.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $global.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* (user id): Pod Security "restricted". */}}
{{- define "fraud.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ . }}
runAsGroup: {{ . }}
fsGroup: {{ . }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "fraud.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{/* (root, workload, map): further environment variables. With an identity, Azure's SDK is to try no
other credential. */}}
{{- define "fraud.env" -}}
{{- $identity := get (index . 0).Values.identity.clientIds (index . 1) -}}
{{- $azure := ternary (dict "AZURE_TOKEN_CREDENTIALS" "WorkloadIdentityCredential") dict (ne $identity "") -}}
{{- range $name, $value := merge (dict) (index . 2) $azure }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}

{{- define "fraud.trackingUri" -}}
{{- if .Values.tracking.enabled -}}
http://fraud-tracking:5000
{{- else -}}
{{ required "tracking.externalUri: the address of the tracking server, which this release does not run" .Values.tracking.externalUri }}
{{- end -}}
{{- end }}

{{/* (root, workload, user, address, ledger's ConfigMap): a client of the tracking server that reads the
ledger. Its floor is in a ConfigMap beside that one: what is not in a pod's template rolls no pods. */}}
{{- define "fraud.clientEnv" -}}
- name: MLFLOW_TRACKING_URI
  value: {{ index . 3 | quote }}
- name: MLFLOW_TRACKING_USERNAME
  value: {{ index . 2 | quote }}
- name: MLFLOW_TRACKING_PASSWORD
  valueFrom:
    secretKeyRef: {name: {{ get (index . 0).Values.secrets.names (index . 1) }}, key: tracking-password}
- name: FRAUD_LEDGER_CONFIG
  value: /etc/fraud/ledger.yaml
- name: FRAUD_LEDGER_FLOOR
  valueFrom:
    configMapKeyRef: {name: {{ index . 4 }}-floor, key: floor, optional: true}
{{- end }}

{{/* (root, component): its secrets as files. The migration's are those of the tracking server. */}}
{{- define "fraud.secretsVolume" -}}
{{- $secrets := (index . 0).Values.secrets -}}
- name: secrets
{{- if eq $secrets.provider "keyVault" }}
  csi:
    driver: secrets-store.csi.k8s.io
    readOnly: true
    volumeAttributes: {secretProviderClass: fraud-{{ index . 1 }}}
{{- else }}
  secret:
    secretName: {{ get $secrets.names (index . 1 | replace "migration" "tracking") }}
    defaultMode: 0440
    items:
      {{- range include "fraud.secretKeys" . | fromYamlArray }}
      - {key: {{ . }}, path: {{ . }}}
      {{- end }}
{{- end }}
{{- end }}

{{- define "fraud.podMonitorGroup" -}}
{{ ternary "azmonitoring.coreos.com" "monitoring.coreos.com" (eq .Values.monitoring.podMonitor "azure") }}
{{- end }}
