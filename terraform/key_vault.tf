# Secrets, and the key that signs the ledger. Terraform holds no secret: it makes the vault, not what is in it.

resource "azurerm_key_vault" "main" {
  name                = "kv-${var.name}"
  location            = azurerm_resource_group.main.location
  resource_group_name = azurerm_resource_group.main.name
  sku_name            = "premium"
  tags                = null

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

# In a hardware module, never exported. A rotated key would be another key, which nobody trusts before
# `registry keys add`: no rotation policy.
#trivy:ignore:AVD-AZU-0014 When a key ends is said in ledger.yaml, by sequence; one that Azure ends by the clock would stop rollbacks.
resource "azurerm_key_vault_key" "signing" {
  name         = "fraud-signing"
  key_vault_id = azurerm_key_vault.main.id
  key_type     = "EC-HSM"
  curve        = "P-256"
  key_opts     = ["sign", "verify"]
  tags         = local.tags

  lifecycle {
    prevent_destroy = true
  }

  depends_on = [azurerm_role_assignment.key_custodian]
}
