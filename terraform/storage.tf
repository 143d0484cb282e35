# The storage account. No shared keys: whoever reads or writes has an identity and a role on a
# container. The containers are in gaps.tf.

locals {
  containers = {
    mlflow   = "the artifacts that the tracking server proxies"
    evidence = "the promotions experiment: files that were judged, and their reports"
    records  = "prediction records"
    datasets = "data sets of training, evaluation and batch scoring"
    backups  = "backups of the tracking server"
  }
}

#trivy:ignore:AZU-0057 Writes and deletions are logged, by the diagnostic setting in monitoring.tf, which the check does not know.
#trivy:ignore:AZU-0060 Encrypted twice, with Microsoft's keys: with one of ours, whoever loses or disables that key would lose the evidence.
resource "azurerm_storage_account" "main" {
  name                     = "st${var.name}"
  location                 = azurerm_resource_group.main.location
  resource_group_name      = azurerm_resource_group.main.name
  account_kind             = "StorageV2"
  account_tier             = "Standard"
  account_replication_type = var.storage_replication
  tags                     = local.tags

  public_network_access_enabled     = false
  shared_access_key_enabled         = false
  default_to_oauth_authentication   = true
  local_user_enabled                = false
  allow_nested_items_to_be_public   = false
  cross_tenant_replication_enabled  = false
  allowed_copy_scope                = "AAD"
  https_traffic_only_enabled        = true
  min_tls_version                   = "TLS1_2"
  infrastructure_encryption_enabled = true

  network_rules {
    default_action = "Deny"
    bypass         = ["AzureServices"]
  }

  blob_properties {
    versioning_enabled  = true
    change_feed_enabled = true

    delete_retention_policy {
      days = var.soft_delete_days
    }

    container_delete_retention_policy {
      days = var.soft_delete_days
    }
  }
}

resource "azurerm_storage_container_immutability_policy" "evidence" {
  storage_container_resource_manager_id = azurerm_storage_container.main["evidence"].id
  immutability_period_in_days           = var.evidence_retention_days
  locked                                = var.evidence_policy_locked
  protected_append_writes_enabled       = false
  protected_append_writes_all_enabled   = false
}

# Versions of files that were overwritten or deleted. Evidence is not overwritten, and is not here.
resource "azurerm_storage_management_policy" "main" {
  storage_account_id = azurerm_storage_account.main.id

  rule {
    name    = "old-versions"
    enabled = true

    filters {
      blob_types   = ["blockBlob"]
      prefix_match = ["mlflow/", "records/", "datasets/", "backups/"]
    }

    actions {
      version {
        delete_after_days_since_creation = 90
      }
    }
  }
}
