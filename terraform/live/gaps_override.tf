# What azurerm 5.10 also takes, and the offline schema has lost: of each resource whose `tags` it has with
# another type, the argument that comes after them in the provider's source. Terraform merges this into
# the resources of the same names in ../. Trivy does not, and sees these fragments alone: waived.

#trivy:ignore:AZU-* The rest of the resource is in ../.
resource "azurerm_kubernetes_cluster" "main" {
  workload_identity_enabled = true
  tags                      = local.tags
}

#trivy:ignore:AZU-* The rest of the resource is in ../.
resource "azurerm_kubernetes_cluster_node_pool" "user" {
  # Another size of VM then moves the pods to a pool of this name, and back.
  temporary_name_for_rotation = "usertmp"
  tags                        = local.tags
}

#trivy:ignore:AZU-* The rest of the resource is in ../.
resource "azurerm_container_registry" "main" {
  zone_redundancy_enabled = length(var.zones) > 1
  tags                    = local.tags
}

#trivy:ignore:AZU-* The rest of the resource is in ../.
resource "azurerm_postgresql_flexible_server" "main" {
  version = "17"
  tags    = local.tags
}

#trivy:ignore:AZU-* The rest of the resource is in ../.
resource "azurerm_monitor_data_collection_rule" "logs" {
  data_flow {
    streams      = ["Microsoft-ContainerLogV2", "Microsoft-KubeEvents"]
    destinations = ["logs"]
  }
}

#trivy:ignore:AZU-* The rest of the resource is in ../.
resource "azurerm_monitor_data_collection_rule" "metrics" {
  data_flow {
    streams      = ["Microsoft-PrometheusMetrics"]
    destinations = ["metrics"]
  }
}

#trivy:ignore:AZU-* The rest of the resource is in ../.
resource "azurerm_monitor_alert_prometheus_rule_group" "main" {
  dynamic "rule" {
    for_each = each.value.rules

    content {
      alert       = try(rule.value.alert, null)
      record      = try(rule.value.record, null)
      expression  = rule.value.expression
      for         = try(rule.value.for, null)
      severity    = try(rule.value.severity, null)
      labels      = try(rule.value.labels, null)
      annotations = try(rule.value.annotations, null)
      enabled     = true

      dynamic "action" {
        for_each = try([rule.value.alert], [])

        content {
          action_group_id = azurerm_monitor_action_group.main.id
        }
      }

      dynamic "alert_resolution" {
        for_each = try([rule.value.alert], [])

        content {
          auto_resolved   = true
          time_to_resolve = "PT10M"
        }
      }
    }
  }
}

#trivy:ignore:AZU-* The rest of the resource is in ../.
resource "azurerm_dashboard_grafana" "main" {
  tags = local.tags
}
