# The resource group, and names that several files use.

locals {
  tags = merge(var.tags, { platform = var.name })

  # Of the chart (helm/fraud-platform); the federated credentials name them.
  namespace = "fraud"
}

data "azurerm_client_config" "current" {}

resource "azurerm_resource_group" "main" {
  name     = "rg-${var.name}"
  location = var.location
  tags     = local.tags
}
