# What holds whatever the sizes are: nothing public, no shared keys, no local accounts, least rights.

mock_provider "azurerm" {
  # So that a plan has ids to compare; what has `prevent_destroy` cannot be applied here and taken down.
  override_during = plan

  mock_data "azurerm_client_config" {
    defaults = { tenant_id = "11111111-1111-1111-1111-111111111111" }
  }
  mock_resource "azurerm_kubernetes_cluster" {
    defaults = {
      id              = "/aks"
      oidc_issuer_url = "https://issuer.example/cluster/"
    }
  }
  mock_resource "azurerm_key_vault" {
    defaults = { id = "/vault" }
  }
  mock_resource "azurerm_key_vault_key" {
    defaults = {
      resource_versionless_id = "/vault/keys/fraud-signing"
      version                 = "0123456789abcdef"
    }
  }
  mock_resource "azurerm_storage_account" {
    defaults = { id = "/storage" }
  }
  mock_resource "azurerm_postgresql_flexible_server" {
    defaults = {
      id   = "/postgresql"
      fqdn = "psql-contosofraud.postgres.database.azure.com"
    }
  }
  mock_resource "azurerm_managed_redis" {
    defaults = {
      id       = "/redis"
      hostname = "redis-contosofraud.westeurope.redis.azure.net"
    }
  }
  mock_resource "azurerm_resource_group" {
    defaults = { id = "/group" }
  }
  mock_resource "azurerm_subnet" {
    defaults = { id = "/subnet" }
  }
  mock_resource "azurerm_container_registry" {
    defaults = {
      id           = "/registry"
      login_server = "acrcontosofraud.azurecr.io"
    }
  }
  mock_resource "azurerm_monitor_workspace" {
    defaults = { id = "/metrics" }
  }
  mock_resource "azurerm_dashboard_grafana" {
    defaults = { id = "/grafana" }
  }
  mock_resource "azurerm_user_assigned_identity" {
    defaults = {
      id           = "/identity"
      client_id    = "a client"
      principal_id = "a principal"
    }
  }
  override_resource {
    target = azurerm_user_assigned_identity.main["promoter"]
    values = {
      id           = "/identity/promoter"
      client_id    = "the promoter's client"
      principal_id = "the promoter"
    }
  }
  override_resource {
    target = azurerm_user_assigned_identity.main["trainer"]
    values = {
      id           = "/identity/trainer"
      client_id    = "the trainer's client"
      principal_id = "the trainer"
    }
  }
  override_resource {
    target = azurerm_key_vault_key.main["training"]
    values = {
      resource_versionless_id = "/vault/keys/fraud-training"
      version                 = "fedcba9876543210"
    }
  }
  override_resource {
    target = azurerm_role_definition.signer
    values = { role_definition_resource_id = "/role/signer" }
  }
  override_resource {
    target = azurerm_role_definition.key_custodian
    values = { role_definition_resource_id = "/role/custodian" }
  }
  mock_resource "azurerm_storage_container" {
    defaults = { id = "/container" }
  }
  override_resource {
    target = azurerm_storage_container.main["evidence"]
    values = { id = "/container/evidence" }
  }
}

variables {
  subscription_id   = "00000000-0000-0000-0000-000000000000"
  name              = "contosofraud"
  location          = "westeurope"
  github_repository = "contoso/fraud-registry"
  alert_emails      = ["fraud@contoso.example"]
  monthly_budget    = 1000
  admin_groups      = { fraud-admins = "22222222-2222-2222-2222-222222222222" }
  system_pool       = { vm_size = "Standard_D2ds_v5", min_count = 1, max_count = 2 }
  user_pool         = { vm_size = "Standard_D4ds_v5", min_count = 1, max_count = 3 }
  postgresql        = { sku_name = "GP_Standard_D2ds_v5", storage_mb = 32768, backup_retention_days = 14, zone_redundant = true, geo_redundant_backup = false }
  redis             = { sku_name = "Balanced_B1", high_availability = false }
}

run "platform" {
  command = plan

  # --- nothing is reachable from the internet ---

  assert {
    condition     = azurerm_postgresql_flexible_server.main.public_network_access_enabled == false
    error_message = "the database is public"
  }
  assert {
    condition     = azurerm_managed_redis.main.public_network_access == "Disabled"
    error_message = "the cache is public"
  }
  assert {
    condition     = azurerm_storage_account.main.public_network_access_enabled == false && azurerm_storage_account.main.network_rules[0].default_action == "Deny"
    error_message = "the storage account is public"
  }
  assert {
    condition     = alltrue([for container in azurerm_storage_container.main : container.container_access_type == "private"])
    error_message = "a container is public"
  }
  assert {
    condition     = azurerm_key_vault.main.public_network_access_enabled == false && azurerm_key_vault.main.network_acls[0].default_action == "Deny" && azurerm_key_vault.main.network_acls[0].bypass == "None"
    error_message = "the key vault is public"
  }
  assert {
    condition     = azurerm_container_registry.main.public_network_access_enabled == false && azurerm_container_registry.main.network_rule_set[0].default_action == "Deny"
    error_message = "the registry is public"
  }
  assert {
    condition     = azurerm_dashboard_grafana.main.public_network_access_enabled == false
    error_message = "Grafana is public"
  }
  assert {
    condition     = azurerm_kubernetes_cluster.main.private_cluster_enabled && azurerm_kubernetes_cluster.main.private_cluster_public_fqdn_enabled == false && length(azurerm_kubernetes_cluster.main.api_server_access_profile) == 0
    error_message = "the Kubernetes API is public"
  }
  assert {
    condition = { for name, endpoint in azurerm_private_endpoint.main : name => endpoint.private_service_connection[0].subresource_names[0] } == {
      blob       = "blob"
      vault      = "vault"
      registry   = "registry"
      postgresql = "postgresqlServer"
      redis      = "redisEnterprise"
      grafana    = "grafana"
    }
    error_message = "a service lacks its private endpoint"
  }
  assert {
    condition     = alltrue([for rule in azurerm_network_security_group.endpoints.security_rule : rule.access == "Deny" ? rule.priority == 4096 && rule.source_address_prefix == "*" : toset(rule.source_address_prefixes) == toset(["10.40.0.0/18", "10.40.80.0/20"])])
    error_message = "more than nodes and runners reach the private endpoints"
  }

  # --- no shared keys, no passwords, no local accounts ---

  assert {
    condition     = azurerm_storage_account.main.shared_access_key_enabled == false && azurerm_storage_account.main.local_user_enabled == false && azurerm_storage_account.main.allow_nested_items_to_be_public == false
    error_message = "the storage account takes shared keys or anonymous requests"
  }
  assert {
    condition     = azurerm_managed_redis.main.default_database[0].access_keys_authentication_enabled == false && azurerm_managed_redis.main.default_database[0].client_protocol == "Encrypted"
    error_message = "the cache takes access keys or plain text"
  }
  assert {
    condition     = azurerm_postgresql_flexible_server.main.authentication[0].password_auth_enabled == false && azurerm_postgresql_flexible_server.main.authentication[0].active_directory_auth_enabled
    error_message = "the database takes passwords"
  }
  assert {
    condition     = azurerm_kubernetes_cluster.main.local_account_disabled && azurerm_kubernetes_cluster.main.azure_active_directory_role_based_access_control[0].azure_rbac_enabled && azurerm_kubernetes_cluster.main.run_command_enabled == false
    error_message = "the cluster has local accounts"
  }
  assert {
    condition     = azurerm_container_registry.main.admin_enabled == false && azurerm_container_registry.main.anonymous_pull_enabled == false
    error_message = "the registry has an administrator's password or lets anybody pull"
  }
  assert {
    condition     = azurerm_key_vault.main.rbac_authorization_enabled && azurerm_log_analytics_workspace.main.local_authentication_enabled == false && azurerm_dashboard_grafana.main.api_key_enabled == false
    error_message = "vault, logs or Grafana take something else than Entra identities"
  }
  assert {
    condition     = azurerm_storage_account.main.min_tls_version == "TLS1_2" && azurerm_storage_account.main.https_traffic_only_enabled && azurerm_postgresql_flexible_server_configuration.main["ssl_min_protocol_version"].value == "TLSv1.2" && azurerm_postgresql_flexible_server_configuration.main["require_secure_transport"].value == "on"
    error_message = "TLS older than 1.2 is allowed"
  }

  # --- what is to last ---

  assert {
    condition     = azurerm_key_vault.main.purge_protection_enabled && azurerm_key_vault.main.soft_delete_retention_days == 90
    error_message = "a signing key could be purged"
  }
  assert {
    condition     = { for name, key in azurerm_key_vault_key.main : name => "${key.name} ${key.key_type} ${key.curve} ${join(" ", key.key_opts)}" } == { signing = "fraud-signing EC-HSM P-256 sign verify", training = "fraud-training EC-HSM P-256 sign verify" }
    error_message = "a key can be exported, or is of another kind"
  }
  assert {
    condition     = azurerm_storage_account.main.blob_properties[0].versioning_enabled && azurerm_storage_account.main.blob_properties[0].delete_retention_policy[0].days == 30 && azurerm_storage_account.main.blob_properties[0].container_delete_retention_policy[0].days == 30
    error_message = "what is deleted cannot be brought back"
  }
  assert {
    condition     = toset(keys(azurerm_storage_container.main)) == toset(["mlflow", "evidence", "records", "datasets", "backups"])
    error_message = "the containers are not those that the platform uses"
  }
  assert {
    condition     = azurerm_storage_container_immutability_policy.evidence.immutability_period_in_days == 3650 && azurerm_storage_container_immutability_policy.evidence.locked == false && azurerm_storage_container_immutability_policy.evidence.protected_append_writes_all_enabled == false
    error_message = "the evidence can be changed"
  }
  assert {
    condition     = !anytrue([for prefix in azurerm_storage_management_policy.main.rule[0].filters[0].prefix_match : startswith(prefix, "evidence")])
    error_message = "evidence is deleted by its age"
  }
  assert {
    condition     = azurerm_managed_redis.main.default_database[0].eviction_policy == "NoEviction"
    error_message = "history may be evicted: features would be silently wrong"
  }
  assert {
    condition     = azurerm_postgresql_flexible_server.main.high_availability[0].mode == "ZoneRedundant"
    error_message = "the switch for zone redundancy does nothing"
  }

  # --- the cluster ---

  assert {
    condition     = azurerm_kubernetes_cluster.main.oidc_issuer_enabled && azurerm_kubernetes_cluster.main.network_profile[0].network_plugin_mode == "overlay" && azurerm_kubernetes_cluster.main.network_profile[0].network_data_plane == "cilium" && azurerm_kubernetes_cluster.main.network_profile[0].network_policy == "cilium"
    error_message = "workload identity or NetworkPolicies would not work"
  }
  assert {
    condition     = azurerm_kubernetes_cluster.main.default_node_pool[0].auto_scaling_enabled && azurerm_kubernetes_cluster_node_pool.user.auto_scaling_enabled && azurerm_kubernetes_cluster.main.default_node_pool[0].only_critical_addons_enabled && azurerm_kubernetes_cluster_node_pool.user.zones == toset(["1", "2", "3"])
    error_message = "the pools do not scale, or not over zones"
  }
  assert {
    condition     = azurerm_kubernetes_cluster.main.automatic_upgrade_channel == "stable" && azurerm_kubernetes_cluster.main.node_os_upgrade_channel == "NodeImage"
    error_message = "the cluster is not upgraded by itself"
  }

  # --- what is watched ---

  assert {
    condition     = azurerm_monitor_diagnostic_setting.main["vault"].target_resource_id == "/vault" && [for log in azurerm_monitor_diagnostic_setting.main["vault"].enabled_log : log.category] == ["AuditEvent"]
    error_message = "uses of the signing keys are not logged"
  }
  assert {
    condition     = toset(one(azurerm_consumption_budget_subscription.main.filter[0].dimension).values) == toset(["rg-contosofraud", "rg-contosofraud-nodes"])
    error_message = "the budget leaves out the nodes"
  }
  assert {
    condition     = azurerm_monitor_alert_prometheus_rule_group.main["service"].interval == "PT1M"
    error_message = "rules/service.json is not read"
  }
}

run "identities" {
  command = plan

  assert {
    condition     = toset(keys(azurerm_user_assigned_identity.main)) == toset(["tracking", "inference", "promoter", "trainer", "batch", "monitoring", "watch", "github", "evaluator", "planner"])
    error_message = "identities"
  }
  assert {
    condition = { for name, credential in azurerm_federated_identity_credential.main : name => credential.subject } == {
      tracking-cluster     = "system:serviceaccount:fraud:fraud-tracking"
      tracking-migration   = "system:serviceaccount:fraud:fraud-migration"
      inference-cluster    = "system:serviceaccount:fraud:fraud-inference"
      promoter-cluster     = "system:serviceaccount:fraud:fraud-promoter"
      trainer-cluster      = "system:serviceaccount:fraud:fraud-trainer"
      batch-cluster        = "system:serviceaccount:fraud:fraud-batch"
      monitoring-cluster   = "system:serviceaccount:fraud:fraud-monitoring"
      watch-cluster        = "system:serviceaccount:fraud:fraud-watch"
      github-main          = "repo:contoso/fraud-registry:ref:refs/heads/main"
      github-staging       = "repo:contoso/fraud-registry:environment:staging"
      github-release       = "repo:contoso/fraud-registry:environment:release"
      github-production    = "repo:contoso/fraud-registry:environment:production"
      promoter-production  = "repo:contoso/fraud-registry:environment:production"
      evaluator-evaluation = "repo:contoso/fraud-registry:environment:evaluation"
      planner-plan         = "repo:contoso/fraud-registry:environment:plan"
    }
    error_message = "subjects of the federated credentials"
  }
  assert {
    condition     = toset([for name, credential in azurerm_federated_identity_credential.main : name if credential.user_assigned_identity_id == "/identity/promoter"]) == toset(["promoter-cluster", "promoter-production"])
    error_message = "somebody else becomes the promoter"
  }
  assert {
    condition     = alltrue([for name, credential in azurerm_federated_identity_credential.main : credential.issuer == (startswith(credential.subject, "system:") ? "https://issuer.example/cluster/" : "https://token.actions.githubusercontent.com")])
    error_message = "issuers of the federated credentials"
  }

  # --- who may sign ---

  assert {
    condition     = { for assignment in azurerm_role_assignment.signer : assignment.scope => assignment.principal_id } == { "/vault/keys/fraud-signing" = "the promoter", "/vault/keys/fraud-training" = "the trainer" }
    error_message = "promoter or trainer may not sign, or not with the own key alone"
  }
  assert {
    condition     = alltrue([for assignment in azurerm_role_assignment.signer : assignment.role_definition_id == "/role/signer"])
    error_message = "a signer with another role"
  }
  assert {
    condition     = azurerm_role_definition.signer.permissions[0].data_actions == tolist(["Microsoft.KeyVault/vaults/keys/read", "Microsoft.KeyVault/vaults/keys/sign/action"])
    error_message = "the signer may do more than sign"
  }
  assert {
    condition     = !anytrue([for action in azurerm_role_definition.key_custodian.permissions[0].data_actions : strcontains(action, "sign") || strcontains(action, "*") || strcontains(action, "backup") || strcontains(action, "release")])
    error_message = "who makes the key may use it"
  }
  assert {
    # Every other assignment, whoever has it.
    condition = alltrue([
      for assignment in concat(values(azurerm_role_assignment.main), values(azurerm_role_assignment.admins), values(azurerm_role_assignment.cluster), [azurerm_role_assignment.grafana]) :
      contains([
        "AcrPull",
        "AcrPush",
        "Azure Kubernetes Service Cluster User Role",
        "Azure Kubernetes Service RBAC Cluster Admin",
        "Grafana Admin",
        "Key Vault Reader",
        "Key Vault Secrets Officer",
        "Key Vault Secrets User",
        "Managed Identity Operator",
        "Monitoring Data Reader",
        "Network Contributor",
        "Reader",
        "Storage Blob Data Contributor",
        "Storage Blob Data Reader",
      ], assignment.role_definition_name) && !startswith(assignment.scope, "/vault/keys/")
    ])
    error_message = "a role that is none of those known not to sign"
  }
  assert {
    condition     = alltrue([for assignment in azurerm_role_assignment.key_custodian : assignment.role_definition_id == "/role/custodian"])
    error_message = "a custodian with another role"
  }

  # --- who may do what else ---

  assert {
    condition     = toset([for name, assignment in azurerm_role_assignment.main : name if assignment.scope == "/container/evidence" && assignment.role_definition_name == "Storage Blob Data Contributor"]) == toset(["promoter-evidence-write", "evaluator-evidence-write"])
    error_message = "somebody else than promoter and evaluator writes evidence"
  }
  assert {
    condition     = !anytrue([for assignment in azurerm_role_assignment.main : assignment.scope == "/storage"])
    error_message = "a role on the whole storage account"
  }
  assert {
    condition     = alltrue([for assignment in azurerm_role_assignment.main : startswith(assignment.scope, "/vault/secrets/") if assignment.role_definition_name == "Key Vault Secrets User"])
    error_message = "a workload reads secrets of others"
  }
  assert {
    condition = toset([for name, assignment in azurerm_role_assignment.main : assignment.scope if startswith(name, "inference-secret-")]) == toset([
      "/vault/secrets/inference-tokens",
      "/vault/secrets/inference-metrics-tokens",
      "/vault/secrets/inference-metrics-token",
      "/vault/secrets/inference-tracking-password",
      "/vault/secrets/inference-smoke-token",
    ])
    error_message = "secrets of the service"
  }
  assert {
    condition = { for name, assignment in azurerm_role_assignment.main : name => assignment.scope if startswith(name, "evaluator-") || startswith(name, "planner-") } == {
      evaluator-evidence-write           = "/container/evidence"
      evaluator-datasets-read            = "/container"
      evaluator-secret-tracking-password = "/vault/secrets/promoter-tracking-password"
      planner-plan                       = "/group"
      planner-plan-vault                 = "/vault"
    }
    error_message = "evaluator or planner may do more, or less"
  }
  assert {
    condition     = alltrue([for assignment in azurerm_role_assignment.main : endswith(assignment.role_definition_name, "Reader") if startswith(assignment.scope, "/group")])
    error_message = "somebody changes the resource group"
  }
  assert {
    condition = toset([for name, assignment in azurerm_role_assignment.main : assignment.scope if startswith(name, "watch-")]) == toset([
      "/vault/secrets/watch-tracking-password",
      "/vault/secrets/watch-token",
      "/vault/secrets/watch-metrics-token",
    ])
    error_message = "the watch may do something else than read its secrets"
  }
  assert {
    condition     = azurerm_role_assignment.main["github-deploy"].scope == "/aks/namespaces/fraud"
    error_message = "GitHub's jobs administer more than their namespace"
  }

  # --- what the chart gets ---

  assert {
    condition     = output.signing_key == "azurekms://kv-contosofraud.vault.azure.net/keys/fraud-signing/0123456789abcdef"
    error_message = "signing_key"
  }
  assert {
    condition     = output.training_key == "azurekms://kv-contosofraud.vault.azure.net/keys/fraud-training/fedcba9876543210"
    error_message = "training_key"
  }
  assert {
    condition     = output.containers["evidence"] == "wasbs://evidence@stcontosofraud.blob.core.windows.net"
    error_message = "containers"
  }
  assert {
    condition     = output.database_uri == "postgresql+psycopg2://id-contosofraud-tracking@psql-contosofraud.postgres.database.azure.com:5432/mlflow?sslmode=verify-full&sslrootcert=/etc/ssl/certs/ca-certificates.crt&plugin=entra"
    error_message = "database_uri"
  }
  assert {
    condition     = output.github_client_ids == { deployer = "a client", promoter = "the promoter's client", evaluator = "a client", planner = "a client" }
    error_message = "github_client_ids"
  }
  assert {
    condition     = output.subscription_id == "00000000-0000-0000-0000-000000000000" && output.resource_group_name == "rg-contosofraud" && output.cluster_name == "aks-contosofraud"
    error_message = "names for GitHub's workflows"
  }
  assert {
    condition     = output.feature_store_url == "rediss://redis-contosofraud.westeurope.redis.azure.net:10000?login=entra"
    error_message = "feature_store_url"
  }
}
