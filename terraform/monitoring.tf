# Logs, managed Prometheus with its rules, and Grafana.

locals {
  # A file for each group; deploy/monitoring generates them.
  rule_groups = {
    for file in fileset(path.module, "rules/*.json") :
    trimsuffix(basename(file), ".json") => jsondecode(file("${path.module}/${file}"))
  }

  # What goes to Log Analytics. Azure bills by the gigabyte: the cluster's `kube-audit` has every read, too.
  diagnostics = {
    vault      = { resource_id = azurerm_key_vault.main.id, categories = ["AuditEvent"] }
    cluster    = { resource_id = azurerm_kubernetes_cluster.main.id, categories = ["kube-audit-admin", "guard", "cluster-autoscaler"] }
    blob       = { resource_id = "${azurerm_storage_account.main.id}/blobServices/default", categories = ["StorageWrite", "StorageDelete"] }
    postgresql = { resource_id = azurerm_postgresql_flexible_server.main.id, categories = ["PostgreSQLLogs"] }
    registry   = { resource_id = azurerm_container_registry.main.id, categories = ["ContainerRegistryLoginEvents", "ContainerRegistryRepositoryEvents"] }
    grafana    = { resource_id = azurerm_dashboard_grafana.main.id, categories = ["GrafanaLoginEvents"] }
    redis      = { resource_id = "${azurerm_managed_redis.main.id}/databases/default", categories = ["ConnectionEvents"] }
  }
}

resource "azurerm_log_analytics_workspace" "main" {
  name                         = "log-${var.name}"
  location                     = azurerm_resource_group.main.location
  resource_group_name          = azurerm_resource_group.main.name
  sku                          = "PerGB2018"
  retention_in_days            = var.log_retention_days
  daily_quota_gb               = var.log_daily_quota_gb
  local_authentication_enabled = false
  tags                         = local.tags
}

resource "azurerm_monitor_diagnostic_setting" "main" {
  for_each = local.diagnostics

  name                           = "to-log-analytics"
  target_resource_id             = each.value.resource_id
  log_analytics_workspace_id     = azurerm_log_analytics_workspace.main.id
  log_analytics_destination_type = "Dedicated"

  dynamic "enabled_log" {
    for_each = toset(each.value.categories)

    content {
      category = enabled_log.value
    }
  }
}

# --- logs of the platform's containers ---

# What flows where is in live/gaps_override.tf.
resource "azurerm_monitor_data_collection_rule" "logs" {
  name                = "dcr-${var.name}-logs"
  location            = azurerm_resource_group.main.location
  resource_group_name = azurerm_resource_group.main.name
  kind                = "Linux"
  tags                = local.tags

  data_sources {
    extension {
      name           = "ContainerInsightsExtension"
      extension_name = "ContainerInsights"
      streams        = ["Microsoft-ContainerLogV2", "Microsoft-KubeEvents"]
      extension_json = jsonencode({
        dataCollectionSettings = {
          interval               = "1m"
          namespaceFilteringMode = "Include"
          namespaces             = [local.namespace]
          enableContainerLogV2   = true
        }
      })
    }
  }

  destinations {
    log_analytics {
      name                  = "logs"
      workspace_resource_id = azurerm_log_analytics_workspace.main.id
    }
  }
}

resource "azurerm_monitor_data_collection_rule_association" "logs" {
  name                    = "dcra-${var.name}-logs"
  target_resource_id      = azurerm_kubernetes_cluster.main.id
  data_collection_rule_id = azurerm_monitor_data_collection_rule.logs.id
}

# --- metrics ---

resource "azurerm_monitor_workspace" "main" {
  name                = "amw-${var.name}"
  location            = azurerm_resource_group.main.location
  resource_group_name = azurerm_resource_group.main.name
  tags                = local.tags
}

resource "azurerm_monitor_data_collection_endpoint" "metrics" {
  name                = "dce-${var.name}"
  location            = azurerm_resource_group.main.location
  resource_group_name = azurerm_resource_group.main.name
  kind                = "Linux"
  tags                = local.tags
}

# What flows where is in live/gaps_override.tf.
resource "azurerm_monitor_data_collection_rule" "metrics" {
  name                        = "dcr-${var.name}-metrics"
  location                    = azurerm_resource_group.main.location
  resource_group_name         = azurerm_resource_group.main.name
  kind                        = "Linux"
  data_collection_endpoint_id = azurerm_monitor_data_collection_endpoint.metrics.id
  tags                        = local.tags

  data_sources {
    prometheus_forwarder {
      name    = "prometheus"
      streams = ["Microsoft-PrometheusMetrics"]
    }
  }

  destinations {
    monitor_account {
      name               = "metrics"
      monitor_account_id = azurerm_monitor_workspace.main.id
    }
  }
}

resource "azurerm_monitor_data_collection_rule_association" "metrics" {
  name                    = "dcra-${var.name}-metrics"
  target_resource_id      = azurerm_kubernetes_cluster.main.id
  data_collection_rule_id = azurerm_monitor_data_collection_rule.metrics.id
}

# One endpoint for each cluster; Azure fixes the association's name.
resource "azurerm_monitor_data_collection_rule_association" "endpoint" {
  name                        = "configurationAccessEndpoint"
  target_resource_id          = azurerm_kubernetes_cluster.main.id
  data_collection_endpoint_id = azurerm_monitor_data_collection_endpoint.metrics.id
}

resource "azurerm_monitor_action_group" "main" {
  name                = "ag-${var.name}"
  resource_group_name = azurerm_resource_group.main.name
  short_name          = substr(var.name, 0, 12)
  tags                = local.tags

  dynamic "email_receiver" {
    for_each = toset(var.alert_emails)

    content {
      name                    = email_receiver.value
      email_address           = email_receiver.value
      use_common_alert_schema = true
    }
  }
}

# The rules themselves are in live/gaps_override.tf.
resource "azurerm_monitor_alert_prometheus_rule_group" "main" {
  for_each = local.rule_groups

  name                = "${var.name}-${each.key}"
  location            = azurerm_resource_group.main.location
  resource_group_name = azurerm_resource_group.main.name
  description         = each.value.description
  interval            = each.value.interval
  cluster_name        = azurerm_kubernetes_cluster.main.name
  scopes              = [azurerm_monitor_workspace.main.id, azurerm_kubernetes_cluster.main.id]
  rule_group_enabled  = true
  tags                = local.tags
}

resource "azurerm_dashboard_grafana" "main" {
  name                          = "graf-${var.name}"
  location                      = azurerm_resource_group.main.location
  resource_group_name           = azurerm_resource_group.main.name
  sku                           = "Standard"
  grafana_major_version         = "12"
  api_key_enabled               = false
  public_network_access_enabled = var.grafana_public_access_enabled

  identity {
    type = "SystemAssigned"
  }

  azure_monitor_workspace_integrations {
    resource_id = azurerm_monitor_workspace.main.id
  }
}
