{{/* (root, component, address of its tracking server, ledger's ConfigMap): a pod of `helm test`
that sends a transaction, and checks that the digest which answered is that of the head. */}}
{{- define "fraud.smokePod" -}}
{{- $root := index . 0 -}}
{{- $component := index . 1 -}}
apiVersion: v1
kind: Pod
metadata:
  {{- include "fraud.metadata" (list $root (printf "fraud-%s-smoke" $component) "smoke") | nindent 2 }}
  annotations:
    helm.sh/hook: test
    helm.sh/hook-delete-policy: before-hook-creation
spec:
  {{- include "fraud.pod" (list $root "") | nindent 2 }}
  restartPolicy: Never
  activeDeadlineSeconds: 300
  containers:
    - name: smoke
      {{- include "fraud.image" (list $root "inference") | nindent 6 }}
      command: [python, -m, inference.smoke, "http://fraud-{{ $component }}:8000"]
      {{- include "fraud.containerSecurity" . | nindent 6 }}
      env:
        {{- include "fraud.clientEnv" (list $root $component $root.Values.inference.user (index . 2) (index . 3)) | nindent 8 }}
        - name: FRAUD_SMOKE_TOKEN
          valueFrom:
            secretKeyRef: {name: {{ get $root.Values.secrets.names $component }}, key: smoke-token}
      resources:
        requests: {cpu: 100m, memory: 128Mi}
        limits: {cpu: "1", memory: 256Mi}
      volumeMounts:
        - {name: ledger, mountPath: /etc/fraud, readOnly: true}
        - {name: tmp, mountPath: /tmp}
  volumes:
    - name: ledger
      configMap: {name: {{ index . 3 }}}
    - name: tmp
      emptyDir: {sizeLimit: 64Mi}
{{- end }}
