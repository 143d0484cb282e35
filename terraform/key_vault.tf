# The keys that sign. The vault itself is in gaps.tf; its secrets are not Terraform's.

locals {
  # key => the identity that alone may sign with it: the ledger's entries, and what training attests
  signing_keys = { signing = "promoter", training = "trainer" }
}

# In a hardware module, never exported. A rotated key would be another key, which nobody trusts before
# `registry keys add` or a changed provenance.yaml: no rotation policy.
#trivy:ignore:AVD-AZU-0014 When a key ends is said in ledger.yaml, by sequence, and in provenance.yaml; one that Azure ends by the clock would stop rollbacks.
resource "azurerm_key_vault_key" "main" {
  for_each = local.signing_keys

  name         = "fraud-${each.key}"
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
