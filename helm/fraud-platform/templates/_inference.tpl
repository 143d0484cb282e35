{{/* (root, component, address, ledger's ConfigMap, store, digest of the ledger's file): the pods of
inference, and of staging. The service starts in a second and stays alive without a model, so only
readiness asks for one: to restart a pod would not bring the ledger back. There is no preStop: on
SIGTERM the service itself leaves readiness and answers for FRAUD_DRAIN_SECONDS. */}}
{{- define "fraud.inferencePod" -}}
{{- $root := index . 0 -}}
{{- $component := index . 1 -}}
{{- $values := $root.Values.inference -}}
metadata:
  labels: {{- include "fraud.podLabels" (list $root $component "inference") | nindent 4 }}
  annotations:
    checksum/config: {{ index . 5 }}
spec:
  {{- include "fraud.pod" (list $root "fraud-inference") | nindent 2 }}
  # 20 s beyond both: what is left of the records is moved.
  terminationGracePeriodSeconds: {{ add $values.drainSeconds $values.graceSeconds 20 }}
  topologySpreadConstraints:
    {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
    - topologyKey: {{ . }}
      maxSkew: 1
      whenUnsatisfiable: ScheduleAnyway
      matchLabelKeys: [pod-template-hash]
      labelSelector:
        matchLabels: {{- include "fraud.selector" $component | nindent 10 }}
    {{- end }}
  containers:
    - name: inference
      {{- /* Parquet takes pyarrow, which is half the size of an image. */}}
      {{- $image := ternary "inference-records" "inference" (and (eq $component "inference") (ne $root.Values.records.to "")) }}
      {{- include "fraud.image" (list $root $image) | nindent 6 }}
      {{- include "fraud.containerSecurity" . | nindent 6 }}
      env:
        {{- include "fraud.clientEnv" (list $root $component $values.user (index . 2) (index . 3)) | nindent 8 }}
        - name: FRAUD_HOST
          value: 0.0.0.0
        - name: FRAUD_PORT
          value: "8000"
        - name: FRAUD_CACHE
          value: /var/lib/fraud/cache
        - name: FRAUD_TOKENS
          value: /mnt/secrets/tokens
        - name: FRAUD_METRICS_TOKENS
          value: /mnt/secrets/metrics-tokens
        - name: FRAUD_POLL_SECONDS
          value: {{ $values.pollSeconds | quote }}
        - name: FRAUD_MAX_LAG_SECONDS
          value: {{ $values.maxLagSeconds | quote }}
        - name: FRAUD_DRAIN_SECONDS
          value: {{ $values.drainSeconds | quote }}
        - name: FRAUD_GRACE_SECONDS
          value: {{ $values.graceSeconds | quote }}
        - name: FRAUD_FEATURE_STORE
          value: {{ index . 4 | quote }}
        {{- if eq $component "inference" }}
        - name: FRAUD_RECORDS_TO
          value: {{ $root.Values.records.to | quote }}
        - name: FRAUD_RECORDS_SPOOL
          value: /var/lib/fraud/records
        - name: FRAUD_RECORDS_SPOOL_BYTES
          value: {{ $root.Values.records.spoolBytes | int64 | quote }}
        {{- else }}
        - name: FRAUD_RECORDS
          value: "off"
        {{- end }}
        {{- with include "fraud.env" (list $root "inference" $values.env) }}
        {{- trim . | nindent 8 }}
        {{- end }}
      ports:
        - {name: http, containerPort: 8000}
      startupProbe:
        httpGet: {path: /livez, port: http}
        periodSeconds: 1
        failureThreshold: 60
      readinessProbe:
        httpGet: {path: /readyz, port: http}
        periodSeconds: 3
        timeoutSeconds: 3
        failureThreshold: 2
      livenessProbe:
        httpGet: {path: /livez, port: http}
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      resources: {{- toYaml $values.resources | nindent 8 }}
      volumeMounts:
        - {name: ledger, mountPath: /etc/fraud, readOnly: true}
        - {name: secrets, mountPath: /mnt/secrets, readOnly: true}
        - {name: cache, mountPath: /var/lib/fraud/cache}
        - {name: records, mountPath: /var/lib/fraud/records}
        - {name: tmp, mountPath: /tmp}
  volumes:
    - name: ledger
      configMap: {name: {{ index . 3 }}}
    {{- include "fraud.secretsVolume" (list $root $component) | nindent 4 }}
    - name: cache
      emptyDir: {sizeLimit: 1Gi}
    - name: records
      emptyDir: {sizeLimit: {{ div (mul ($root.Values.records.spoolBytes | int64) 5) 4 | quote }}}
    - name: tmp
      emptyDir: {sizeLimit: 64Mi}
{{- end }}
