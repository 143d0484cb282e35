# The key that signs the ledger. The vault itself is in gaps.tf; its secrets are not Terraform's.

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
