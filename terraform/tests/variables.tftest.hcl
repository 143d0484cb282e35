# Wrong values are refused before anything is made, and each switch does what it says.

mock_provider "azurerm" {
  override_during = plan

  mock_resource "azurerm_kubernetes_cluster" {
    defaults = { oidc_issuer_url = "https://issuer.example/cluster/" }
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
  postgresql        = { sku_name = "B_Standard_B2s", storage_mb = 32768, backup_retention_days = 14, zone_redundant = false, geo_redundant_backup = false }
  redis             = { sku_name = "Balanced_B1", high_availability = false }
}

run "wrong_values" {
  command = plan

  variables {
    subscription_id         = "my subscription"
    name                    = "Contoso-Fraud"
    location                = "West Europe"
    github_repository       = "contoso/*"
    github_protection       = "none, alas"
    alert_emails            = []
    monthly_budget          = 0
    admin_groups            = {}
    address_space           = "10.40.0.0/24"
    zones                   = ["1", "1"]
    cluster_sku_tier        = "Basic"
    system_pool             = { vm_size = "Standard_D2ds_v5", min_count = 3, max_count = 2 }
    user_pool               = { vm_size = "Standard_D4ds_v5", min_count = 0, max_count = 3 }
    postgresql              = { sku_name = "B_Standard_B2s", storage_mb = 40000, backup_retention_days = 3, zone_redundant = true, geo_redundant_backup = false }
    redis                   = { sku_name = "Basic_C0", high_availability = false }
    storage_replication     = "RAGRS"
    evidence_retention_days = 0
    soft_delete_days        = 0
    log_retention_days      = 7
    log_daily_quota_gb      = 0
    operator_ip_ranges      = ["0.0.0.0/0"]
  }

  expect_failures = [
    var.subscription_id,
    var.name,
    var.location,
    var.github_repository,
    var.github_protection,
    var.alert_emails,
    var.monthly_budget,
    var.admin_groups,
    var.address_space,
    var.zones,
    var.cluster_sku_tier,
    var.system_pool,
    var.user_pool,
    var.postgresql,
    var.redis,
    var.storage_replication,
    var.evidence_retention_days,
    var.soft_delete_days,
    var.log_retention_days,
    var.log_daily_quota_gb,
    var.operator_ip_ranges,
  ]
}

run "a_public_api_for_everybody" {
  command = plan

  variables {
    private_cluster_enabled = false
  }

  expect_failures = [var.operator_ip_ranges]
}

run "addresses_of_pods" {
  command = plan

  variables {
    address_space = "10.244.0.0/16"
  }

  expect_failures = [var.address_space]
}

run "a_repository_that_is_an_address" {
  command = plan

  variables {
    github_repository = "https://github.com/contoso/fraud-registry"
  }

  expect_failures = [var.github_repository]
}

run "a_standby_of_a_burstable_database" {
  command = plan

  variables {
    postgresql = { sku_name = "B_Standard_B2s", storage_mb = 32768, backup_retention_days = 14, zone_redundant = true, geo_redundant_backup = false }
  }

  expect_failures = [var.postgresql]
}

run "an_operator_from_outside" {
  command = plan

  variables {
    private_cluster_enabled = false
    operator_ip_ranges      = ["203.0.113.7/32"]
  }

  assert {
    condition     = azurerm_kubernetes_cluster.main.api_server_access_profile[0].authorized_ip_ranges == tolist(["203.0.113.7/32"])
    error_message = "the Kubernetes API is open to others"
  }
  assert {
    condition     = azurerm_key_vault.main.public_network_access_enabled && azurerm_key_vault.main.network_acls[0].default_action == "Deny" && azurerm_key_vault.main.network_acls[0].ip_rules == tolist(["203.0.113.7/32"])
    error_message = "the vault is closed to the operator, or open to others"
  }
  assert {
    condition     = azurerm_container_registry.main.network_rule_set[0].default_action == "Deny" && azurerm_container_registry.main.network_rule_set[0].ip_rule[0].ip_range == "203.0.113.7/32"
    error_message = "the registry is open to others"
  }
  assert {
    condition     = azurerm_storage_account.main.public_network_access_enabled == false && azurerm_postgresql_flexible_server.main.public_network_access_enabled == false && azurerm_managed_redis.main.public_network_access == "Disabled"
    error_message = "an operator's address opens storage, database or cache"
  }
  assert {
    condition     = length(azurerm_postgresql_flexible_server.main.high_availability) == 0
    error_message = "a standby that nobody asked for"
  }
}

run "only_github_signs" {
  command = plan

  variables {
    promoter_in_cluster = false
    github_repository   = "contoso@1234/fraud-registry@5678"
  }

  assert {
    condition = { for name, credential in azurerm_federated_identity_credential.main : name => credential.subject if startswith(name, "promoter") } == {
      promoter-production = "repo:contoso@1234/fraud-registry@5678:environment:production"
    }
    error_message = "pods of the cluster still become the promoter"
  }
}

run "github_without_reviewers" {
  command = plan

  variables {
    github_protection = "branches"
  }

  assert {
    condition     = toset([for name, credential in azurerm_federated_identity_credential.main : name if startswith(credential.subject, "repo:")]) == toset(["github-main", "github-staging", "github-release", "github-production", "evaluator-evaluation"])
    error_message = "a job that nobody approves can sign, or plan with code of a pull request"
  }
}

run "github_without_environments" {
  command = plan

  variables {
    github_protection = "none"
  }

  assert {
    condition     = !anytrue([for credential in azurerm_federated_identity_credential.main : startswith(credential.subject, "repo:")])
    error_message = "every branch of GitHub has an identity"
  }
}

run "a_registry_for_githubs_runners_and_a_locked_policy" {
  command = plan

  variables {
    registry_public_access_enabled = true
    evidence_policy_locked         = true
  }

  assert {
    condition     = azurerm_container_registry.main.public_network_access_enabled && azurerm_container_registry.main.network_rule_set[0].default_action == "Allow" && azurerm_container_registry.main.anonymous_pull_enabled == false
    error_message = "runners of GitHub cannot push, or anybody can pull"
  }
  assert {
    condition     = azurerm_storage_container_immutability_policy.evidence.locked
    error_message = "the policy is not locked"
  }
}
