"""Django REST framework: the signer as a user, the permission that asks for a proof, and a field that is signed itself.

class Orders(APIView):
    authentication_classes = [SignatureAuthentication]
    permission_classes = [HasValidSignature]

class CheckoutSerializer(serializers.Serializer):
    quote = SignedJSONField(Envelope("checkout", keys=ring), serializer=QuoteSerializer)
"""

from sealgate.rest_framework.authentication import HasValidSignature, Signatory, SignatureAuthentication
from sealgate.rest_framework.fields import SignedJSONField

__all__ = ["HasValidSignature", "Signatory", "SignatureAuthentication", "SignedJSONField"]
