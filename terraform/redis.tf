# The store of features: private, TLS alone, and Entra ID alone (features/stores/entra.py).

resource "azurerm_managed_redis" "main" {
  name                      = "redis-${var.name}"
  location                  = azurerm_resource_group.main.location
  resource_group_name       = azurerm_resource_group.main.name
  sku_name                  = var.redis.sku_name
  high_availability_enabled = var.redis.high_availability
  public_network_access     = "Disabled"
  tags                      = local.tags

  default_database {
    access_keys_authentication_enabled = false
    client_protocol                    = "Encrypted"

    # One address for clients. With OSSCluster they would be sent on to addresses of nodes.
    clustering_policy = "EnterpriseCluster"

    # An evicted history would be a wrong feature; a full store refuses, and says so.
    eviction_policy = "NoEviction"

    persistence_append_only_file_backup_frequency = "1s"
  }
}

resource "azurerm_managed_redis_access_policy_assignment" "main" {
  # `batch` fills the store (python -m features load).
  for_each = toset(["inference", "batch"])

  managed_redis_id = azurerm_managed_redis.main.id
  object_id        = azurerm_user_assigned_identity.main[each.key].principal_id
}
