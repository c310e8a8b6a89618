//! Certificates that these tests make for themselves.

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use weft_client::{ClientCertificate, Pem};

/// A certificate authority.
pub(crate) struct Authority {
    pub(crate) pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key, as PEM.
pub(crate) struct Pair {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names are names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("there is chance");
        let pem = params.self_signed(&key).expect("it can be signed").pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    pub(crate) fn certify(&self, name: &str) -> Pair {
        let params = CertificateParams::new(vec![name.to_owned()]).expect("it is a name");
        let key = KeyPair::generate().expect("there is chance");
        let certificate = params.signed_by(&key, &self.issuer).expect("it can be signed");
        Pair { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    pub(crate) fn as_ca(&self) -> Option<Pem> {
        Some(Pem::Data(self.pem.clone().into_bytes()))
    }
}

impl Pair {
    pub(crate) fn shown(&self) -> Option<ClientCertificate> {
        let data = |text: &str| Pem::Data(text.as_bytes().to_vec());
        Some(ClientCertificate { certificate: data(&self.certificate), key: data(&self.key) })
    }
}
