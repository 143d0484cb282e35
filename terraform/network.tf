# The virtual network, and a private endpoint with its DNS zone for each service.

locals {
  # Of the smallest, a /20, these are a /22 (a thousand nodes) and two /24s.
  subnets = {
    nodes     = cidrsubnet(var.address_space, 2, 0)
    endpoints = cidrsubnet(var.address_space, 4, 4)
    # For self-hosted runners and for jump hosts: with a private cluster, the only place to work from.
    runners = cidrsubnet(var.address_space, 4, 5)
  }

  # Ports that the services listen on.
  endpoint_ports = ["443", "5432", "10000"]

  endpoints = {
    blob = {
      zone        = "privatelink.blob.core.windows.net"
      subresource = "blob"
      resource_id = azurerm_storage_account.main.id
    }
    vault = {
      zone        = "privatelink.vaultcore.azure.net"
      subresource = "vault"
      resource_id = azurerm_key_vault.main.id
    }
    registry = {
      zone        = "privatelink.azurecr.io"
      subresource = "registry"
      resource_id = azurerm_container_registry.main.id
    }
    postgresql = {
      zone        = "privatelink.postgres.database.azure.com"
      subresource = "postgresqlServer"
      resource_id = azurerm_postgresql_flexible_server.main.id
    }
    redis = {
      zone        = "privatelink.redis.azure.net"
      subresource = "redisEnterprise"
      resource_id = azurerm_managed_redis.main.id
    }
    grafana = {
      zone        = "privatelink.grafana.azure.com"
      subresource = "grafana"
      resource_id = azurerm_dashboard_grafana.main.id
    }
  }
}

resource "azurerm_virtual_network" "main" {
  name                = "vnet-${var.name}"
  location            = azurerm_resource_group.main.location
  resource_group_name = azurerm_resource_group.main.name
  address_space       = [var.address_space]
  tags                = local.tags
}

resource "azurerm_subnet" "main" {
  for_each = local.subnets

  name                 = each.key
  resource_group_name  = azurerm_resource_group.main.name
  virtual_network_name = azurerm_virtual_network.main.name
  address_prefixes     = [each.value]

  # Only with this does the security group hold for private endpoints, too.
  private_endpoint_network_policies = "NetworkSecurityGroupEnabled"
}

resource "azurerm_network_security_group" "endpoints" {
  name                = "nsg-${var.name}-endpoints"
  location            = azurerm_resource_group.main.location
  resource_group_name = azurerm_resource_group.main.name
  tags                = local.tags

  security_rule {
    name                       = "AllowNodesAndRunners"
    description                = "Pods leave with the address of their node (CNI overlay)."
    priority                   = 100
    direction                  = "Inbound"
    access                     = "Allow"
    protocol                   = "Tcp"
    source_address_prefixes    = [local.subnets.nodes, local.subnets.runners]
    source_port_range          = "*"
    destination_address_prefix = local.subnets.endpoints
    destination_port_ranges    = local.endpoint_ports
  }

  security_rule {
    name                       = "DenyAll"
    description                = "Also what Azure's own rules would let in from the virtual network."
    priority                   = 4096
    direction                  = "Inbound"
    access                     = "Deny"
    protocol                   = "*"
    source_address_prefix      = "*"
    source_port_range          = "*"
    destination_address_prefix = "*"
    destination_port_range     = "*"
  }
}

resource "azurerm_network_security_group" "runners" {
  name                = "nsg-${var.name}-runners"
  location            = azurerm_resource_group.main.location
  resource_group_name = azurerm_resource_group.main.name
  tags                = local.tags

  security_rule {
    name                       = "DenyAll"
    description                = "A runner asks for its work; nobody connects to it. Azure Bastion needs a rule of its own."
    priority                   = 4096
    direction                  = "Inbound"
    access                     = "Deny"
    protocol                   = "*"
    source_address_prefix      = "*"
    source_port_range          = "*"
    destination_address_prefix = "*"
    destination_port_range     = "*"
  }
}

# The subnet of the nodes has none: AKS keeps one at the nodes, and NetworkPolicies are for pods.
resource "azurerm_subnet_network_security_group_association" "main" {
  for_each = {
    endpoints = azurerm_network_security_group.endpoints.id
    runners   = azurerm_network_security_group.runners.id
  }

  subnet_id                 = azurerm_subnet.main[each.key].id
  network_security_group_id = each.value
}

resource "azurerm_private_dns_zone" "main" {
  for_each = local.endpoints

  name                = each.value.zone
  resource_group_name = azurerm_resource_group.main.name
  tags                = local.tags
}

resource "azurerm_private_endpoint" "main" {
  for_each = local.endpoints

  name                          = "pe-${var.name}-${each.key}"
  location                      = azurerm_resource_group.main.location
  resource_group_name           = azurerm_resource_group.main.name
  subnet_id                     = azurerm_subnet.main["endpoints"].id
  custom_network_interface_name = "nic-${var.name}-${each.key}"
  tags                          = local.tags

  private_service_connection {
    name                           = each.key
    private_connection_resource_id = each.value.resource_id
    subresource_names              = [each.value.subresource]
    is_manual_connection           = false
  }

  private_dns_zone_group {
    name                 = "default"
    private_dns_zone_ids = [azurerm_private_dns_zone.main[each.key].id]
  }
}
