{{/* (components): the pods of these in this namespace, as a selector. */}}
{{- define "fraud.podsOf" -}}
matchLabels: {app.kubernetes.io/part-of: fraud-platform}
matchExpressions:
  - {key: app.kubernetes.io/component, operator: In, values: [{{ join ", " . }}]}
{{- end }}

{{- define "fraud.fromGateway" -}}
- namespaceSelector:
    matchLabels: {{- toYaml .Values.networkPolicy.gatewayNamespace | nindent 6 }}
{{- end }}

{{- define "fraud.fromPrometheus" -}}
- namespaceSelector:
    matchLabels: {{- toYaml .Values.networkPolicy.monitoringNamespace | nindent 6 }}
{{- end }}

{{/* To Blob Storage, Key Vault and Entra ID. */}}
{{- define "fraud.toHttps" -}}
- to:
    {{- range .Values.networkPolicy.httpsCidrs }}
    - ipBlock:
        cidr: {{ . }}
        {{- if eq . "0.0.0.0/0" }}
        except: [169.254.169.254/32]
        {{- end }}
    {{- end }}
  ports: [{protocol: TCP, port: 443}]
{{- end }}

{{/* Also to the tracking server of another namespace, where this release runs none. */}}
{{- define "fraud.toTracking" -}}
- to:
    - podSelector:
        matchLabels: {{- include "fraud.selector" "tracking" | nindent 10 }}
      {{- if not .Values.tracking.enabled }}
      namespaceSelector: {}
      {{- end }}
  ports: [{protocol: TCP, port: 5000}]
{{- end }}

{{- define "fraud.toAnyTracking" -}}
- to:
    - namespaceSelector: {}
      podSelector:
        matchLabels: {{- include "fraud.selector" "tracking" | nindent 10 }}
  ports: [{protocol: TCP, port: 5000}]
{{- end }}

{{/* (root, ports, in-cluster component, whether that runs): to PostgreSQL or Redis. */}}
{{- define "fraud.toData" -}}
- to:
    {{- if index . 3 }}
    - podSelector:
        matchLabels: {{- include "fraud.selector" (index . 2) | nindent 10 }}
    {{- else }}
    {{- range (index . 0).Values.networkPolicy.dataCidrs }}
    - ipBlock: {cidr: {{ . }}}
    {{- end }}
    {{- end }}
  ports:
    {{- range index . 1 }}
    - {protocol: TCP, port: {{ . }}}
    {{- end }}
{{- end }}

{{- define "fraud.toRedis" -}}
{{- $inside := .Values.redis.enabled -}}
{{ include "fraud.toData" (list . (ternary (list 6379) .Values.networkPolicy.redisPorts $inside) "redis" $inside) }}
{{- end }}
