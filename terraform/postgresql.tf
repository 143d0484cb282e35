# The tracking server's database: private, and without passwords.

resource "azurerm_postgresql_flexible_server" "main" {
  name                = "psql-${var.name}"
  location            = azurerm_resource_group.main.location
  resource_group_name = azurerm_resource_group.main.name
  sku_name            = var.postgresql.sku_name
  storage_mb          = var.postgresql.storage_mb
  auto_grow_enabled   = true

  public_network_access_enabled = false
  backup_retention_days         = var.postgresql.backup_retention_days
  geo_redundant_backup_enabled  = var.postgresql.geo_redundant_backup

  authentication {
    active_directory_auth_enabled = true
    password_auth_enabled         = false
    tenant_id                     = data.azurerm_client_config.current.tenant_id
  }

  dynamic "high_availability" {
    for_each = var.postgresql.zone_redundant ? [true] : []

    content {
      mode = "ZoneRedundant"
    }
  }

  maintenance_window {
    day_of_week  = 2
    start_hour   = 2
    start_minute = 0
  }

  lifecycle {
    # Azure chooses the zones, and swaps them when the standby takes over.
    ignore_changes  = [zone, high_availability[0].standby_availability_zone]
    prevent_destroy = true
  }
}

resource "azurerm_postgresql_flexible_server_database" "mlflow" {
  name      = "mlflow"
  server_id = azurerm_postgresql_flexible_server.main.id
  charset   = "UTF8"
  collation = "en_US.utf8"

  lifecycle {
    prevent_destroy = true
  }
}

resource "azurerm_postgresql_flexible_server_configuration" "main" {
  for_each = {
    require_secure_transport     = "on"
    ssl_min_protocol_version     = "TLSv1.2"
    log_checkpoints              = "on"
    log_connections              = "on"
    log_disconnections           = "on"
    "connection_throttle.enable" = "on"
  }

  name      = each.key
  server_id = azurerm_postgresql_flexible_server.main.id
  value     = each.value
}

# The server is for this one database, so that whoever migrates its tables owns it. Azure makes no
# other user without a statement of SQL from inside of the network (README.md).
resource "azurerm_postgresql_flexible_server_active_directory_administrator" "tracking" {
  server_name         = azurerm_postgresql_flexible_server.main.name
  resource_group_name = azurerm_resource_group.main.name
  tenant_id           = data.azurerm_client_config.current.tenant_id
  object_id           = azurerm_user_assigned_identity.main["tracking"].principal_id
  principal_name      = azurerm_user_assigned_identity.main["tracking"].name
  principal_type      = "ServicePrincipal"
}

resource "azurerm_postgresql_flexible_server_active_directory_administrator" "people" {
  for_each = var.admin_groups

  server_name         = azurerm_postgresql_flexible_server.main.name
  resource_group_name = azurerm_resource_group.main.name
  tenant_id           = data.azurerm_client_config.current.tenant_id
  object_id           = each.value
  principal_name      = each.key
  principal_type      = "Group"

  # The server takes one change at a time.
  depends_on = [azurerm_postgresql_flexible_server_active_directory_administrator.tracking]
}
