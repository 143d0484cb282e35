# Who may do what. No role is granted on a subscription, and none on all of the storage account.

locals {
  blob_roles = {
    read  = "Storage Blob Data Reader"
    write = "Storage Blob Data Contributor"
  }

  # container => identity => what it may do there (docs/storage.md, docs/operations/rights.md)
  container_rights = {
    mlflow   = { tracking = "write" }
    evidence = { promoter = "write", evaluator = "write", tracking = "read", inference = "read", trainer = "read", batch = "read", monitoring = "read" }
    records  = { inference = "write", batch = "write", monitoring = "read" }
    datasets = { promoter = "read", evaluator = "read", trainer = "read", batch = "read", monitoring = "read" }
    backups  = { tracking = "write" }
  }

  # part of the chart => the identity that it has, and the secrets that it may read, named PART-NAME in
  # the vault. Their values are set by hand or by the playbook.
  service_secrets = ["tokens", "metrics-tokens", "metrics-token", "tracking-password", "smoke-token"]
  secrets = {
    tracking = {
      identity = "tracking"
      names = [
        "MLFLOW-BACKEND-STORE-URI",
        "MLFLOW-FLASK-SERVER-SECRET-KEY",
        "MLFLOW-WEBHOOK-SECRET-ENCRYPTION-KEY",
        "MLFLOW-AUTH-ADMIN-PASSWORD",
        "OIDC-CLIENT-SECRET",
        "OIDC-USERS-DB-URI",
        "metrics-user",
        "metrics-password",
      ]
    }
    inference  = { identity = "inference", names = local.service_secrets }
    staging    = { identity = "inference", names = local.service_secrets }
    promoter   = { identity = "promoter", names = ["tracking-password"] }
    trainer    = { identity = "trainer", names = ["tracking-password"] }
    batch      = { identity = "batch", names = ["tracking-password"] }
    monitoring = { identity = "monitoring", names = ["tracking-password"] }
    watch      = { identity = "watch", names = ["tracking-password", "token", "metrics-token"] }
  }

  role_assignments = merge(
    merge([
      for container, rights in local.container_rights : {
        for identity, right in rights : "${identity}-${container}-${right}" => {
          identity = identity
          role     = local.blob_roles[right]
          scope    = azurerm_storage_container.main[container].id
        }
      }
    ]...),
    merge([
      for part, secrets in local.secrets : {
        for name in secrets.names : "${part}-secret-${name}" => {
          identity = secrets.identity
          role     = "Key Vault Secrets User"
          scope    = "${azurerm_key_vault.main.id}/secrets/${part}-${name}"
        }
      }
    ]...),
    {
      # GitHub Actions. It evaluates as the user of the tracking server that promotes, and cannot sign.
      "evaluator-secret-tracking-password" = {
        identity = "evaluator"
        role     = "Key Vault Secrets User"
        scope    = "${azurerm_key_vault.main.id}/secrets/promoter-tracking-password"
      }
      # Plan, with code of a pull request: names and settings, no secret's value.
      "planner-plan" = {
        identity = "planner"
        role     = "Reader"
        scope    = azurerm_resource_group.main.id
      }
      "planner-plan-vault" = {
        identity = "planner"
        role     = "Key Vault Reader"
        scope    = azurerm_key_vault.main.id
      }
      # Push images, deploy into the namespace (whose custom resources need this role).
      "github-images" = {
        identity = "github"
        role     = "AcrPush"
        scope    = azurerm_container_registry.main.id
      }
      "github-kubeconfig" = {
        identity = "github"
        role     = "Azure Kubernetes Service Cluster User Role"
        scope    = azurerm_kubernetes_cluster.main.id
      }
      "github-deploy" = {
        identity = "github"
        role     = "Azure Kubernetes Service RBAC Cluster Admin"
        scope    = "${azurerm_kubernetes_cluster.main.id}/namespaces/${local.namespace}"
      }
    },
  )

  admin_roles = {
    cluster    = { role = "Azure Kubernetes Service RBAC Cluster Admin", scope = azurerm_kubernetes_cluster.main.id }
    kubeconfig = { role = "Azure Kubernetes Service Cluster User Role", scope = azurerm_kubernetes_cluster.main.id }
    secrets    = { role = "Key Vault Secrets Officer", scope = azurerm_key_vault.main.id }
    grafana    = { role = "Grafana Admin", scope = azurerm_dashboard_grafana.main.id }
  }
}

resource "azurerm_role_assignment" "main" {
  for_each = local.role_assignments

  principal_id         = azurerm_user_assigned_identity.main[each.value.identity].principal_id
  principal_type       = "ServicePrincipal"
  role_definition_name = each.value.role
  scope                = each.value.scope
}

# No built-in role signs and does no more: Key Vault Crypto User also encrypts, unwraps, changes and
# backs up, and Crypto Service Encryption User does not sign.
resource "azurerm_role_definition" "signer" {
  name        = "${var.name} signer"
  description = "Sign with a key."
  scope       = azurerm_resource_group.main.id

  permissions {
    data_actions = [
      "Microsoft.KeyVault/vaults/keys/read",
      "Microsoft.KeyVault/vaults/keys/sign/action",
    ]
  }

  assignable_scopes = [azurerm_resource_group.main.id]
}

resource "azurerm_role_assignment" "signer" {
  for_each = local.signing_keys

  principal_id       = azurerm_user_assigned_identity.main[each.value].principal_id
  principal_type     = "ServicePrincipal"
  role_definition_id = azurerm_role_definition.signer.role_definition_resource_id
  scope              = azurerm_key_vault_key.main[each.key].resource_versionless_id
  description        = "The only one that may sign with this key."
}

# For whoever applies this: Key Vault Crypto Officer could also sign.
resource "azurerm_role_definition" "key_custodian" {
  name        = "${var.name} key custodian"
  description = "Make and read keys, without using them."
  scope       = azurerm_resource_group.main.id

  permissions {
    data_actions = [
      "Microsoft.KeyVault/vaults/keys/read",
      "Microsoft.KeyVault/vaults/keys/create/action",
      "Microsoft.KeyVault/vaults/keys/update/action",
      "Microsoft.KeyVault/vaults/keys/recover/action",
      "Microsoft.KeyVault/vaults/keyrotationpolicies/read",
    ]
  }

  assignable_scopes = [azurerm_resource_group.main.id]
}

resource "azurerm_role_assignment" "key_custodian" {
  for_each = var.admin_groups

  principal_id       = each.value
  principal_type     = "Group"
  role_definition_id = azurerm_role_definition.key_custodian.role_definition_resource_id
  scope              = azurerm_key_vault.main.id
}

resource "azurerm_role_assignment" "admins" {
  for_each = merge([
    for group, id in var.admin_groups : {
      for name, grant in local.admin_roles : "${group}-${name}" => merge(grant, { principal_id = id })
    }
  ]...)

  principal_id         = each.value.principal_id
  principal_type       = "Group"
  role_definition_name = each.value.role
  scope                = each.value.scope
}

resource "azurerm_role_assignment" "cluster" {
  for_each = {
    network = { identity = "aks", role = "Network Contributor", scope = azurerm_subnet.main["nodes"].id }
    kubelet = { identity = "aks", role = "Managed Identity Operator", scope = azurerm_user_assigned_identity.cluster["kubelet"].id }
    images  = { identity = "kubelet", role = "AcrPull", scope = azurerm_container_registry.main.id }
  }

  principal_id         = azurerm_user_assigned_identity.cluster[each.value.identity].principal_id
  principal_type       = "ServicePrincipal"
  role_definition_name = each.value.role
  scope                = each.value.scope
}

resource "azurerm_role_assignment" "grafana" {
  principal_id         = azurerm_dashboard_grafana.main.identity[0].principal_id
  principal_type       = "ServicePrincipal"
  role_definition_name = "Monitoring Data Reader"
  scope                = azurerm_monitor_workspace.main.id
}
