# ../gaps.tf with what azurerm 5.10 requires, and with tags; a test compares the two.

resource "azurerm_key_vault" "main" {
  name                = "kv-${var.name}"
  location            = azurerm_resource_group.main.location
  resource_group_name = azurerm_resource_group.main.name
  sku_name            = "premium"
  tenant_id           = data.azurerm_client_config.current.tenant_id
  tags                = local.tags

  rbac_authorization_enabled    = true
  purge_protection_enabled      = true
  soft_delete_retention_days    = 90
  public_network_access_enabled = length(var.operator_ip_ranges) > 0

  network_acls {
    default_action = "Deny"
    bypass         = "None"
    ip_rules       = var.operator_ip_ranges
  }
}

resource "azurerm_storage_container" "main" {
  for_each = local.containers

  name                  = each.key
  storage_account_id    = azurerm_storage_account.main.id
  container_access_type = "private"
  metadata              = null
}

resource "azurerm_private_dns_zone_virtual_network_link" "main" {
  for_each = local.endpoints

  name                = "link-${var.name}"
  virtual_network_id  = azurerm_virtual_network.main.id
  private_dns_zone_id = azurerm_private_dns_zone.main[each.key].id
  tags                = local.tags
}
