{{/* (root, component): the keys of its secrets, as a list in YAML. */}}
{{- define "fraud.secretKeys" -}}
{{- $root := index . 0 -}}
{{- $component := index . 1 -}}
{{- $scraped := ne $root.Values.monitoring.podMonitor "none" -}}
{{- $oidc := eq (get $root.Values.tracking.env "FRAUD_TRACKING_AUTH") "oidc" -}}
{{- if has $component (list "tracking" "migration") -}}
{{- if not $root.Values.tracking.databaseUri }}
- MLFLOW_BACKEND_STORE_URI
{{- end }}
{{- if $oidc }}
- OIDC_USERS_DB_URI
{{- end }}
{{- end -}}
{{- if eq $component "tracking" }}
- MLFLOW_FLASK_SERVER_SECRET_KEY
- MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY
- {{ ternary "OIDC_CLIENT_SECRET" "MLFLOW_AUTH_ADMIN_PASSWORD" $oidc }}
{{- if $scraped }}
- metrics-user
- metrics-password
{{- end }}
{{- else if has $component (list "inference" "staging") }}
- tokens
- metrics-tokens
- tracking-password
- smoke-token
{{- if $scraped }}
- metrics-token
{{- end }}
{{- else if ne $component "migration" }}
- tracking-password
{{- if eq $component "watch" }}
- token
- metrics-token
{{- end }}
{{- end }}
{{- end }}

{{/* (root, component, identity, prefix): what the Secrets Store CSI driver takes from Key Vault. */}}
{{- define "fraud.secretProvider" -}}
{{- $root := index . 0 -}}
{{- $component := index . 1 -}}
{{- $prefix := index . 3 -}}
{{- $keys := include "fraud.secretKeys" (list $root $component) | fromYamlArray -}}
provider: azure
parameters:
  clientID: {{ required (printf "identity.clientIds.%s: Key Vault needs it" (index . 2)) (get $root.Values.identity.clientIds (index . 2)) | quote }}
  keyvaultName: {{ required "secrets.keyVault: the name of the vault" $root.Values.secrets.keyVault | quote }}
  tenantId: {{ required "identity.tenantId: the Entra tenant" $root.Values.identity.tenantId | quote }}
  objects: |
    array:
    {{- range $keys }}
      - |
        objectName: {{ $prefix }}-{{ . | replace "_" "-" }}
        objectType: secret
        objectAlias: {{ . }}
    {{- end }}
{{- with get $root.Values.secrets.names $component }}
secretObjects:
  - secretName: {{ . }}
    type: Opaque
    data:
      {{- range $keys }}
      - {key: {{ . }}, objectName: {{ . }}}
      {{- end }}
{{- end }}
{{- end }}
