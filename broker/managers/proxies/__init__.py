"""Proxies of containers, with the methods of multiprocessing's."""

from broker.managers.proxies.array_proxy import ArrayProxy
from broker.managers.proxies.attribute_proxies import NamespaceProxy, ValueProxy
from broker.managers.proxies.dict_proxy import DictProxy
from broker.managers.proxies.list_proxy import ListProxy
from broker.managers.proxies.proxy import Proxy
from broker.managers.proxies.set_proxy import SetProxy

__all__ = ["ArrayProxy", "DictProxy", "ListProxy", "NamespaceProxy", "Proxy", "SetProxy", "ValueProxy"]
