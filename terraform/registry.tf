# The container registry. Premium, as only it has private endpoints.

resource "azurerm_container_registry" "main" {
  name                = "acr${var.name}"
  location            = azurerm_resource_group.main.location
  resource_group_name = azurerm_resource_group.main.name
  sku                 = "Premium"

  admin_enabled                 = false
  anonymous_pull_enabled        = false
  public_network_access_enabled = var.registry_public_access_enabled || length(var.operator_ip_ranges) > 0
  network_rule_bypass_option    = "None"
  data_endpoint_enabled         = true

  # Manifests that no tag names any more, such as those of replaced builds.
  retention_policy_in_days = 30

  network_rule_set {
    default_action = var.registry_public_access_enabled ? "Allow" : "Deny"

    dynamic "ip_rule" {
      for_each = var.operator_ip_ranges

      content {
        action   = "Allow"
        ip_range = ip_rule.value
      }
    }
  }
}
