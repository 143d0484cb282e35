# The cluster. azurerm 5.10 cannot switch on the Gateway API of the application-routing add-on
# (hashicorp/terraform-provider-azurerm#31710): README.md has the command, and the playbook runs it.

#trivy:ignore:AZU-0065 Private by default; a team without a way into the network chooses operator_ip_ranges, which variables.tf demands then.
resource "azurerm_kubernetes_cluster" "main" {
  name                = "aks-${var.name}"
  location            = azurerm_resource_group.main.location
  resource_group_name = azurerm_resource_group.main.name
  node_resource_group = "rg-${var.name}-nodes"
  dns_prefix          = var.name
  sku_tier            = var.cluster_sku_tier

  # People and programs sign in with Entra ID, and have the rights of roles.tf.
  local_account_disabled            = true
  role_based_access_control_enabled = true
  oidc_issuer_enabled               = true
  run_command_enabled               = false

  private_cluster_enabled             = var.private_cluster_enabled
  private_cluster_public_fqdn_enabled = false

  automatic_upgrade_channel    = "stable"
  node_os_upgrade_channel      = "NodeImage"
  image_cleaner_enabled        = true
  image_cleaner_interval_hours = 168
  azure_policy_enabled         = true

  dynamic "api_server_access_profile" {
    for_each = var.private_cluster_enabled ? [] : [true]

    content {
      authorized_ip_ranges = var.operator_ip_ranges
    }
  }

  azure_active_directory_role_based_access_control {
    azure_rbac_enabled     = true
    admin_group_object_ids = values(var.admin_groups)
    tenant_id              = data.azurerm_client_config.current.tenant_id
  }

  identity {
    type         = "UserAssigned"
    identity_ids = [azurerm_user_assigned_identity.cluster["aks"].id]
  }

  kubelet_identity {
    client_id                 = azurerm_user_assigned_identity.cluster["kubelet"].client_id
    object_id                 = azurerm_user_assigned_identity.cluster["kubelet"].principal_id
    user_assigned_identity_id = azurerm_user_assigned_identity.cluster["kubelet"].id
  }

  network_profile {
    network_plugin      = "azure"
    network_plugin_mode = "overlay"
    network_data_plane  = "cilium"
    network_policy      = "cilium"
    load_balancer_sku   = "standard"
    outbound_type       = "loadBalancer"
    pod_cidr            = "10.244.0.0/16"
    service_cidr        = "10.245.0.0/16"
    dns_service_ip      = "10.245.0.10"
  }

  default_node_pool {
    name                         = "system"
    vm_size                      = var.system_pool.vm_size
    auto_scaling_enabled         = true
    min_count                    = var.system_pool.min_count
    max_count                    = var.system_pool.max_count
    zones                        = var.zones
    vnet_subnet_id               = azurerm_subnet.main["nodes"].id
    os_sku                       = "AzureLinux"
    host_encryption_enabled      = true
    only_critical_addons_enabled = true

    upgrade_settings {
      max_surge                     = "33%"
      drain_timeout_in_minutes      = 30
      node_soak_duration_in_minutes = 0
    }
  }

  # Node pools are those of this file, not made by AKS.
  node_provisioning_profile {
    mode = "Manual"
  }

  auto_scaler_profile {
    balance_similar_node_groups = true
    expander                    = "least-waste"
  }

  # Secrets of Key Vault as files of pods.
  key_vault_secrets_provider {
    secret_rotation_enabled  = true
    secret_rotation_interval = "2m"
  }

  # For `deploy.tracking backup` into the container `backups`.
  storage_profile {
    blob_driver_enabled = true
  }

  # Managed Prometheus (monitoring.tf says where to).
  monitor_metrics {}

  oms_agent {
    log_analytics_workspace_id      = azurerm_log_analytics_workspace.main.id
    msi_auth_for_monitoring_enabled = true
  }

  maintenance_window_auto_upgrade {
    frequency   = "Weekly"
    interval    = 1
    day_of_week = "Tuesday"
    start_time  = "02:00"
    utc_offset  = "+00:00"
    duration    = 4
  }

  maintenance_window_node_os {
    frequency   = "Weekly"
    interval    = 1
    day_of_week = "Wednesday"
    start_time  = "02:00"
    utc_offset  = "+00:00"
    duration    = 4
  }

  lifecycle {
    # The autoscaler's, and what `az aks` switches on beside Terraform.
    ignore_changes = [default_node_pool[0].node_count, web_app_routing]
  }

  # Without these, AKS cannot take its subnet and its kubelet's identity.
  depends_on = [azurerm_role_assignment.cluster]
}

resource "azurerm_kubernetes_cluster_node_pool" "user" {
  name                    = "user"
  kubernetes_cluster_id   = azurerm_kubernetes_cluster.main.id
  mode                    = "User"
  vm_size                 = var.user_pool.vm_size
  auto_scaling_enabled    = true
  min_count               = var.user_pool.min_count
  max_count               = var.user_pool.max_count
  zones                   = var.zones
  vnet_subnet_id          = azurerm_subnet.main["nodes"].id
  os_sku                  = "AzureLinux"
  host_encryption_enabled = true

  upgrade_settings {
    max_surge                     = "33%"
    drain_timeout_in_minutes      = 30
    node_soak_duration_in_minutes = 0
  }

  lifecycle {
    ignore_changes = [node_count]
  }
}
