//! Volumes, claims and storage.k8s.io.

use super::cells::{UNSET, flag, has, list, or, scalar, text, texts};
use super::core::phase;
use super::{age, name, of, string, string_or};
use crate::{Cell, Column};
use meta::Doc;

const BETA_CLASS: &str = "volume.beta.kubernetes.io/storage-class";

pub fn columns(kind: &str, _minor: u32) -> Option<Vec<Column>> {
    let columns = match kind {
        "PersistentVolume" => vec![
            name(),
            of("Capacity", "string", |doc, _| scalar(doc, "/spec/capacity/storage").unwrap_or_else(|| "0".into()).into()),
            of("Access Modes", "string", |doc, _| access_modes(doc, "/spec/accessModes").into()),
            string("Reclaim Policy", "/spec/persistentVolumeReclaimPolicy"),
            of("Status", "string", |doc, _| phase(doc).into()),
            of("Claim", "string", |doc, _| claim(doc).into()),
            of("StorageClass", "string", |doc, _| storage_class(doc).into()),
            string_or("VolumeAttributesClass", "/spec/volumeAttributesClassName", UNSET),
            string("Reason", "/status/reason"),
            age(),
            string_or("VolumeMode", "/spec/volumeMode", UNSET).wide(),
        ],
        "PersistentVolumeClaim" => vec![
            name(),
            of("Status", "string", |doc, _| phase(doc).into()),
            string("Volume", "/spec/volumeName"),
            of("Capacity", "string", |doc, _| {
                if_bound(doc, |d| scalar(d, "/status/capacity/storage").unwrap_or_else(|| "0".into()))
            }),
            of("Access Modes", "string", |doc, _| if_bound(doc, |d| access_modes(d, "/status/accessModes"))),
            of("StorageClass", "string", |doc, _| storage_class(doc).into()),
            string_or("VolumeAttributesClass", "/spec/volumeAttributesClassName", UNSET),
            age(),
            string_or("VolumeMode", "/spec/volumeMode", UNSET).wide(),
        ],
        "StorageClass" => vec![
            Column::new("Name", "string", Cell::Of(|doc, _| class_name(doc).into())).format("name"),
            string("Provisioner", "/provisioner"),
            string_or("ReclaimPolicy", "/reclaimPolicy", "Delete"),
            string_or("VolumeBindingMode", "/volumeBindingMode", "Immediate"),
            of("AllowVolumeExpansion", "string", |doc, _| flag(doc, "/allowVolumeExpansion").unwrap_or(false).into()),
            age(),
        ],
        "VolumeAttributesClass" => vec![name(), string("DriverName", "/driverName"), age()],
        "VolumeAttachment" => vec![
            name(),
            string("Attacher", "/spec/attacher").format("name"),
            string("PV", "/spec/source/persistentVolumeName"),
            string("Node", "/spec/nodeName"),
            of("Attached", "boolean", |doc, _| flag(doc, "/status/attached").unwrap_or(false).into()),
            age(),
        ],
        "CSINode" => vec![name(), Column::new("Drivers", "integer", Cell::Count("/spec/drivers")), age()],
        "CSIDriver" => vec![
            name(),
            of("AttachRequired", "boolean", |doc, _| flag(doc, "/spec/attachRequired").unwrap_or(true).into()),
            of("PodInfoOnMount", "boolean", |doc, _| flag(doc, "/spec/podInfoOnMount").unwrap_or(false).into()),
            of("StorageCapacity", "boolean", |doc, _| flag(doc, "/spec/storageCapacity").unwrap_or(false).into()),
            of("TokenRequests", "string", |doc, _| token_requests(doc).into()),
            of("RequiresRepublish", "boolean", |doc, _| flag(doc, "/spec/requiresRepublish").unwrap_or(false).into()),
            of("Modes", "string", |doc, _| or(&texts(doc, "/spec/volumeLifecycleModes").join(","), "<none>").into()),
            age(),
        ],
        _ => return None,
    };
    Some(columns)
}

fn access_modes(doc: &Doc, pointer: &str) -> String {
    let modes = texts(doc, pointer);
    let short = [("ReadWriteOnce", "RWO"), ("ReadOnlyMany", "ROX"), ("ReadWriteMany", "RWX"), ("ReadWriteOncePod", "RWOP")];
    short.into_iter().filter(|(mode, _)| modes.contains(mode)).map(|(_, short)| short).collect::<Vec<_>>().join(",")
}

fn claim(volume: &Doc) -> String {
    match has(volume, "/spec/claimRef") {
        true => format!("{}/{}", text(volume, "/spec/claimRef/namespace"), text(volume, "/spec/claimRef/name")),
        false => String::new(),
    }
}

fn storage_class(doc: &Doc) -> &str {
    doc["metadata"]["annotations"][BETA_CLASS].as_str().unwrap_or_else(|| text(doc, "/spec/storageClassName"))
}

fn if_bound(claim: &Doc, cell: fn(&Doc) -> String) -> Doc {
    if text(claim, "/spec/volumeName").is_empty() { "".into() } else { cell(claim).into() }
}

fn class_name(class: &Doc) -> String {
    let keys = ["storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class"];
    let default = keys.into_iter().any(|key| class["metadata"]["annotations"][key] == "true");
    format!("{}{}", text(class, "/metadata/name"), if default { " (default)" } else { "" })
}

fn token_requests(driver: &Doc) -> String {
    match has(driver, "/spec/tokenRequests") {
        true => list(driver, "/spec/tokenRequests").iter().map(|t| text(t, "/audience")).collect::<Vec<_>>().join(","),
        false => UNSET.into(),
    }
}
