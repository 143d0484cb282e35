{{/* (root, name, workload, further environment): a CronJob of the training image, from which CI
creates Jobs. It never repeats a run by itself: who reads the log decides. */}}
{{- define "fraud.cronjob" -}}
{{- $root := index . 0 -}}
{{- $name := index . 1 -}}
{{- $workload := index . 2 -}}
{{- $values := get $root.Values.jobs $name -}}
apiVersion: batch/v1
kind: CronJob
metadata: {{- include "fraud.metadata" (list $root (printf "fraud-%s" $name) $name) | nindent 2 }}
spec:
  schedule: {{ $values.schedule | quote }}
  timeZone: Etc/UTC
  suspend: {{ $values.suspend }}
  concurrencyPolicy: Forbid
  startingDeadlineSeconds: 3600
  jobTemplate:
    metadata:
      labels: {{- include "fraud.labels" (list $root $name) | nindent 8 }}
    spec:
      backoffLimit: 0
      activeDeadlineSeconds: {{ $values.deadlineSeconds }}
      ttlSecondsAfterFinished: 604800
      template:
        metadata:
          labels: {{- include "fraud.podLabels" (list $root $name $workload) | nindent 12 }}
        spec:
          {{- include "fraud.pod" (list $root (printf "fraud-%s" $workload)) | nindent 10 }}
          restartPolicy: Never
          containers:
            - name: {{ $name }}
              {{- include "fraud.image" (list $root "training") | nindent 14 }}
              args: {{- toYaml $values.args | nindent 16 }}
              {{- include "fraud.containerSecurity" . | nindent 14 }}
              env:
                {{- include "fraud.clientEnv" (list $root $workload $values.user (include "fraud.trackingUri" $root) "fraud-ledger") | nindent 16 }}
                {{- if $root.Values.ledger.provenance }}
                - name: FRAUD_PROVENANCE
                  value: /etc/fraud/provenance.yaml
                {{- end }}
                {{- with include "fraud.env" (list $root $workload (merge (dict) $values.env (index . 3))) }}
                {{- trim . | nindent 16 }}
                {{- end }}
              resources: {{- toYaml $values.resources | nindent 16 }}
              volumeMounts:
                - {name: ledger, mountPath: /etc/fraud, readOnly: true}
                - {name: secrets, mountPath: /mnt/secrets, readOnly: true}
                - {name: tmp, mountPath: /tmp}
          volumes:
            - name: ledger
              configMap: {name: fraud-ledger}
            {{- include "fraud.secretsVolume" (list $root $workload) | nindent 12 }}
            - name: tmp
              emptyDir: {sizeLimit: 20Gi}
{{- end }}
